"""What a report says of limits of demand, in Chinese. Pure."""

from collections.abc import Mapping

ZH: Mapping[str, str] = {
    "Demand and peak shifting": "需量与错峰",
    "Limit": "限额",
    "kW": "kW",
    "Kept, violated, undecided": "达标、越限、无法判定",
    "kept": "达标",
    "violated": "越限",
    "undecided": "无法判定",
    "Highest kW": "最高需量 kW",
    "Headroom kW": "裕度 kW",
    "Curtailed kWh": "压减电量 kWh",
    "Rebound kW": "反弹 kW",
    "Window": "时段",
    "Verdict": "判定",
    "Blocks above": "越限区间数",
    "Allotted kWh": "分配电量 kWh",
    "Used kWh": "已用电量 kWh",
    "Obeyed": "是否执行",
    "yes": "是",
    "no": "否",
    "not known": "未知",
    "Block": "区间",
    "At its end kW": "区间末预测 kW",
    "May draw kW": "剩余可用 kW",
    "violated already": "已越限",
    "goes on": "进行中",
    "within the bounds": "限值在可能范围内",
    "not all measured": "有缺测",
    "days": "日期",
    "from {day}": "自 {day} 起",
    "until {day}": "至 {day} 止",
    "all": "每日",
    "workdays": "工作日",
    "free": "非工作日",
    "Ordered curtailment": "有序用电",
    "The block that goes on": "当前区间",
    "Highest day": "需量最高日",
    "Windows that were not kept, or are undecided": "越限或无法判定的时段",
    "more windows are not shown": "个时段未列出",
    "Bars: mean power of each quarter of an hour; thin lines: what it may have been. Shaded: the limit holds. "
    "Dark orange: surely above it. No bar: not known.": (
        "柱：每 15 分钟平均功率；细线：可能范围。浅底：限额生效时段。深橙色：确定越限。无柱：未知。"
    ),
    "Curtailed and rebound are against the mean of the same quarters of an hour on the last five like days on which "
    "the limit did not hold; rebound is that of the hour after.": (
        "压减电量与反弹以此前五个同类且未限电日的相同时刻平均值为基准；反弹取时段结束后一小时。"
    ),
    "Obeyed is said of complete blocks only: a window of which something was not measured is not known.": (
        "仅对数据完整的区间判定是否执行；有缺测的时段为未知。"
    ),
    "If power stays as it was read last. May draw: mean power until the end of the block that keeps the limit.": (
        "按最近一次读数的功率外推。剩余可用：至区间末不越限的平均功率。"
    ),
    "no window of it begins in the period": "报告期内无该限额的时段",
    "no demand of the meter is known in its windows": "该表在限额时段内无需量数据",
    "not all blocks of the window are complete": "时段内有区间数据不完整",
    "not all blocks of the hour after it are complete": "时段后一小时内有区间数据不完整",
    "there are not five like days without the limit before it": "此前不足五个未限电的同类日",
    "its start was not seen, or the wall clock is not set": "未采集到区间起点，或时钟未校准",
    "nothing was read in it, or not for two minutes": "区间内无读数，或已两分钟无读数",
    "the meter's power is not read": "未读取该表功率",
    "no agent runs here": "采集程序未运行",
}
