"""What a report says of key customers, generators, back-feed and incidents, and that in Chinese. Pure."""

from collections.abc import Mapping

from agent.detect.joining import DANGER
from agent.report.operations import key_customers as of_key
from agent.report.operations import part as of_operations

BACKFEED = "Back-feed at {meter} from {since} to {until}: all that may feed it was dead. Somebody fed in."
STANDING = "BACK-FEED at {meter} since {since}, and it stands: all that may feed it is dead. Somebody feeds in."
ELSEWHERE = "That no such voltage is seen elsewhere means nothing."
OVERDUE = "{node} ({of_class}) is not restored after {took}; the target is {target}."
WITHOUT = "{customer} ({of_class}): {load} is without supply since {since}."
NOT_READY = "{customer} ({of_class}): the standby {source} was not ready at {at}: {why}."
FLOOR = "Shorter gaps than are surely seen may have passed unseen, and so may any in time that was not covered."
AS = "seen as {kind}"
TOGETHER = (
    "{customer}: events that two sources had at once: {surely} for sure, {perhaps} more perhaps, the last at {last}. "
    "They are not independent."
)
APART = "{customer}: nothing was seen that two sources had at once."
EVIDENCE = (
    "Supporting evidence only: for minutes the frequency differed from that of the other meters by more than 0.1 Hz. "
    "That tells of a separate source, not of whose it is, and a set that runs in step with the grid is not seen."
)
NONE = "No meter had a frequency of its own; {compared} of {meters} were compared, for {coverage} of the time or more."
STEPS = (
    "Detected: from the loss to its first report. Located: from there until it was told at the place that it stayed "
    "at. Restored: until every meter of it was live again. Verified: until each had ten whole minutes within limits. "
    "Bold: the step that took longest."
)
NO_TARGET = "no target"
GONE = "not kept any more"
UNPROVEN = "no ten good minutes seen: {meters}"
ALL_OTHERS = "all others"

ZH: Mapping[str, str] = {
    "Alarms": "告警",
    DANGER: "中性线电压偏移失控：危及人身与电器，请立即派人处理。",
    "Key customers": "重要用户",
    "Mobile generators": "移动发电机",
    "From seen to verified": "故障闭环",
    ALL_OTHERS: "其他",
    BACKFEED: "{meter} 反送电：{since} 至 {until}，其全部电源侧已停电仍有电压，有人反送电。",
    STANDING: "{meter} 反送电：自 {since} 起，仍在持续；其全部电源侧已停电，有人反送电。",
    ELSEWHERE: "其他位置未见此类电压，不说明任何问题。",
    OVERDUE: "{node}（{of_class}）经 {took} 仍未复电；目标为 {target}。",
    WITHOUT: "{customer}（{of_class}）：{load} 自 {since} 起停电。",
    NOT_READY: "{customer}（{of_class}）：{at} 备用电源 {source} 未就绪：{why}。",
    "Customer": "用户",
    "Usual source": "常用电源",
    "Allowed gap": "允许中断",
    "Surely seen from": "可确认的最短中断",
    "Gaps": "中断次数",
    "Violated / undecided": "越限 / 无法判定",
    "Gaps in the supply": "供电中断",
    "From": "由",
    "To": "至",
    "Gap": "中断时间",
    "Standby supplies": "备用电源",
    "Standby": "备用电源",
    "At the end": "期末状态",
    "Why": "原因",
    "Last transfer to it": "上次切换至此",
    "Within limits": "电压合格率",
    "test": "试验",
    "perhaps": "可能",
    "never seen": "未见",
    "more are not shown": "条未列出",
    "ready": "就绪",
    "not ready": "未就绪",
    FLOOR: "短于可确认时间的中断可能未被发现；未覆盖的时间内亦然。",
    AS: "表现为 {kind}",
    TOGETHER: (
        "{customer}：两路电源同时出现的事件，确定 {surely} 次，另可能 {perhaps} 次，最近一次 {last}。两路并不独立。"
    ),
    APART: "{customer}：未见两路电源同时出现的事件。",
    of_key.UNHEARD: "未收到其数据",
    of_key.UNHEARD_SINCE: "最近 {minutes} 分钟未收到其数据",
    of_key.NO_VOLTAGE: "其电压未知",
    of_key.VOLTAGE: "电压 {lowest} 至 {highest} V，允许 {low} 至 {high} V",
    of_key.FREQUENCY: "频率 {hz} Hz，允许 {nominal} ± {by} Hz",
    of_key.UNTESTED: "{days} 天内未见切换至此",
    of_key.PERHAPS: "{days} 天内的切换均不能确定是切换至此：两路电源当时都有电",
    EVIDENCE: (
        "仅为佐证：若干分钟内频率与其他电表相差超过 0.1 Hz。"
        "这说明为独立电源，不说明属于谁；与电网同步运行的机组无法发现。"
    ),
    NONE: "没有电表出现独立频率；{meters} 只电表中比较了 {compared} 只，覆盖率不低于 {coverage}。",
    "End": "结束",
    "Hours": "小时",
    "Apart": "频差",
    "Runs": "运行次数",
    "While this was lost": "同时停电",
    of_operations.NO_FREQUENCY: "其点表不含频率",
    of_operations.NO_STEP: "其点表未说明频率分辨率",
    of_operations.COARSE: "频率分辨率为 {step} Hz，需 {wanted} Hz 或更细",
    of_operations.ALONE: "能分辨频率的其他电表少于两只",
    of_operations.DISAGREE: "同时有数据且频率一致的其他电表太少",
    STEPS: (
        "发现：自失电至首次报告。定位：至报告最终确定的位置。复电：至所有相关电表恢复供电。"
        "验证：至每只电表连续十个完整分钟合格。粗体：耗时最长的环节。"
    ),
    NO_TARGET: "无目标",
    GONE: "记录已不保存",
    UNPROVEN: "未见连续十分钟合格：{meters}",
    "Target": "目标",
    "Incidents": "故障数",
    "Incidents by class": "按类别",
    "Each incident": "逐次故障",
    "Hours by meter": "按电表",
    "Each run": "逐次运行",
    "Overdue": "超时",
    "Not restored yet": "尚未复电",
    "Place": "位置",
    "First seen": "首次发现",
    "Detected": "发现",
    "Located": "定位",
    "Restored": "复电",
    "Verified": "验证",
    "Seen to restored": "发现至复电",
    "not yet": "尚未",
    "in time": "按时",
    "overdue": "超时",
}
