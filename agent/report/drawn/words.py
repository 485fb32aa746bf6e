"""What a report says, in English and in Chinese. Pure. The English text is the key: a page without the other reads."""

from collections.abc import Mapping

from agent.report.drawn import words_demand, words_events, words_operations, words_reliability, words_voltage

LANGUAGES = ("en", "zh")
_ZH: Mapping[str, str] = {
    "Report": "运行报告",
    "Gateway": "网关",
    "Made": "生成时间",
    "Coverage": "覆盖率",
    "Summary": "摘要",
    "Reliability": "供电可靠性",
    "Voltage quality": "电压质量",
    "Events": "事件",
    "Load": "负荷",
    "How to read this": "阅读说明",
    "Area": "区域",
    "Customers": "用户数",
    "Customer-minutes lost": "停电用户分钟",
    "Customer-minutes lost, planned": "计划停电用户分钟",
    "whole site": "全站",
    "medium-voltage users": "中压用户",
    "Voltage qualification rate": "电压合格率",
    "composite": "综合",
    "Low-voltage customer-minutes": "低电压用户分钟",
    "Events by kind": "事件分类",
    "Meter": "电表",
    "Feeder": "馈线",
    "Rate": "合格率",
    "may have been": "可能范围",
    "Low": "越下限",
    "High": "越上限",
    "Unknown": "未知",
    "Outage": "停电",
    "Worst hour": "最差时段",
    "Minutes by voltage": "电压分布（分钟）",
    "Voltage by local hour": "各时段电压",
    "SAIDI by day": "每日 SAIDI（分钟）",
    "Interruptions over time": "停电时间线",
    "Start": "开始",
    "Kind": "类型",
    "Where": "位置",
    "Duration": "持续时间",
    "Residual": "残余电压",
    "State": "状态",
    "Basis": "依据",
    "Sags and swells against ITIC": "暂降与暂升（ITIC 曲线）",
    "none": "无",
    "not available": "不可用",
    "minutes": "分钟",
    "more events are not shown": "条事件未列出",
    "No voltage measured is not proof of isolation.": "未测到电压不等于已停电隔离。",
    "Mean": "平均",
    "Maximum demand": "最大需量",
    "Load factor": "负荷率",
    "Night base": "夜间基荷",
    "Power factor": "功率因数",
    "kvar to install": "需补偿容量 kvar",
    "Loading": "负载率",
    "Unbalance": "不平衡度",
    "Time in which nothing was heard is unknown: it counts neither as good nor as an outage, and widens the bounds.": (
        "未采集到数据的时间为未知：既不计为合格，也不计为停电，只会扩大上下限。"
    ),
    "Two numbers are bounds: the true one lies between them. A grey figure rests on less than 95 % of its time.": (
        "成对数字为上下限，真值在其间。灰色数字的覆盖率低于 95 %。"
    ),
    "All minutes of an interruption belong to the local day on which it began (in the style of IEEE 1366).": (
        "一次停电的全部分钟计入其开始的当地日期（参照 IEEE 1366）。"
    ),
    "A poller is no IEC 61000-4-30 class A or S instrument: sags shorter than a meter shows pass unseen.": (
        "轮询采集不是 IEC 61000-4-30 A 级或 S 级仪器：短于电表可见时间的暂降可能漏检。"
    ),
    "Orange: surely beyond the curve; blue: surely within it; hollow: cannot be told from what was seen. The line "
    "through a circle: how long it may have lasted. A sag may have been deeper than drawn, a swell higher.": (
        "橙色：确定越出曲线；蓝色：确定在曲线之内；空心：根据所见数据无法判定。横线：可能的持续时间。"
        "暂降可能比所示更深，暂升可能比所示更高。"
    ),
    "Blue: from the lowest to the highest ten-minute mean of each hour; black: their mean; dashed: the limits.": (
        "蓝色：每小时内 10 分钟均值的最低至最高；黑线：平均值；虚线：限值。"
    ),
    "{meter}: the neutral carries {amps} A while there is load, {share} of what a phase does.": (
        "{meter}：有负荷时中性线电流 {amps} A，为相电流平均值的 {share}。"
    ),
    "{meter}: at night {base} kW go on, {share} of the mean: see what need not run then.": (
        "{meter}：夜间基荷 {base} kW，为平均负荷的 {share}：检查夜间不必运行的设备。"
    ),
    "Neutral": "中性线电流",
    "Diagnoses": "诊断与建议",
    "{meter}: low for {low} min, {share} of them on {where} alone: unbalance of the phases.": (
        "{meter}：低电压 {low} 分钟，其中 {share} 仅在 {where} 相：三相不平衡。"
    ),
    "{meter}: low for {low} min, {share} of them from {where} h on within four hours: the load of these.": (
        "{meter}：低电压 {low} 分钟，其中 {share} 在 {where} 时起的四小时内：高峰负荷。"
    ),
    "{meter}: low for {low} min, and {where} upstream for {share} as long: the tap, or what lies above.": (
        "{meter}：低电压 {low} 分钟，上级 {where} 为其 {share}：检查分接头或上级电压。"
    ),
    "{meter}: low for {low} min, but {where} upstream only {share} as long: the line between them.": (
        "{meter}：低电压 {low} 分钟，上级 {where} 仅为其 {share}：两者之间线路压降。"
    ),
    "{meter}: the power factor is {pf}; {kvar} kvar would make it {wanted}.": (
        "{meter}：功率因数 {pf}；补偿 {kvar} kvar 可达 {wanted}。"
    ),
    "{meter}: transformer above 80 % for {plan} min, {full} of them above 100 %, most at {hour} h; peak {peak}.": (
        "{meter}：变压器负载率超过 80 % 共 {plan} 分钟，其中超过 100 % {full} 分钟，多在 {hour} 时；峰值 {peak}。"
    ),
    "{meter}: the transformer was never above {peak}: it mostly heats itself.": (
        "{meter}：变压器负载率最高 {peak}：以空载损耗为主。"
    ),
    "{meter}: currents differ from their mean by up to {share}: move {move} kW from {fullest} to {emptiest}.": (
        "{meter}：电流不平衡度 {share}：建议将 {move} kW 由 {fullest} 相调至 {emptiest} 相。"
    ),
    "{meter}: currents differ from their mean by up to {share}: {fullest} carries most, {emptiest} least.": (
        "{meter}：电流不平衡度 {share}：{fullest} 相最重，{emptiest} 相最轻。"
    ),
    "{meter}: unbalance and the neutral make the losses {factor} times those of a balanced load.": (
        "{meter}：不平衡及中性线电流使损耗为平衡时的 {factor} 倍。"
    ),
    "{meter}: the mean is {mean} kW, the highest quarter of an hour {most} kW: load factor {share}.": (
        "{meter}：平均 {mean} kW，最大 15 分钟需量 {most} kW：负荷率 {share}。"
    ),
    "The long record does not read ({error}): all that rests on it is unknown.": (
        "长期记录无法读取（{error}）：依据该记录的数据均为未知。"
    ),
    "{hours} hours of meters in the long record are damaged: they are unknown.": (
        "长期记录中有 {hours} 个电表小时已损坏：按未知处理。"
    ),
    "The long record begins {at}: what was before is unknown.": "长期记录始于 {at}：此前的数据未知。",
    "Orange is sure, pale is possible.": "橙色为确定，浅色为可能。",
    "Orange bars lie beyond the limits; dashed lines are the limits.": "橙色柱为越限；虚线为限值。",
}

# Parts of the page bring theirs.
_ALL_ZH: Mapping[str, str] = {
    **_ZH,
    **words_events.ZH,
    **words_demand.ZH,
    **words_operations.ZH,
    **words_voltage.ZH,
    **words_reliability.ZH,
}


class Words:
    """Says a text in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._known = _ALL_ZH if language == "zh" else {}

    def __call__(self, text: str) -> str:
        return self._known.get(text, text)

    def knows(self, text: str) -> bool:
        return self.language == "en" or text in self._known
