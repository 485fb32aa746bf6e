"""What a report says of voltages, in Chinese. Pure."""

from collections.abc import Mapping

ZH: Mapping[str, str] = {
    "class": "类别",
    "Class": "类别",
    "Limits V": "限值 V",
    "Meters": "电表",
    "Days": "天数",
    "Worst day": "最差日",
    "Low voltage": "低电压",
    "Rate, assessment": "合格率（考核）",
    "By the limits for assessment": "按考核限值",
    "no meter of class {classes} was measured": "{classes} 类无测量数据",
    "Risk of complaints": "投诉风险",
    "it needs a period of 7 days or more": "统计期须不少于 7 天",
    "no meter was low for {min} min or more on {least} days or more": "无电表有 {least} 天及以上低电压达 {min} 分钟",
    "Low for {min} min or more on {least} days or more of the last {days}, most customer-minutes first.": (
        "最近 {days} 天中至少 {least} 天低电压达 {min} 分钟及以上；按用户分钟排序。"
    ),
    "Voltage, unbalance and harmonics in ten minutes": "10 分钟电压、不平衡与谐波",
    "Voltage": "电压",
    "Unbalance of voltages u2": "电压不平衡度 u2",
    "Total harmonic distortion of voltages": "电压总谐波畸变率",
    "Lowest": "最低",
    "Highest": "最高",
    "95 % value": "95 % 值",
    "When": "时间",
    "In events": "事件时段",
    "of a week": "每周",
    "of the time": "时间",
    "kept": "达标",
    "violated": "越限",
    "undecided": "无法判定",
    "no limit in this profile for this voltage": "本标准体系对该电压等级无限值",
    "the rule is weekly, and the period holds no whole week": "规则按周统计，统计期不足一整周",
    "nothing was measured": "无测量数据",
    "no line-line voltages were read: phase voltages alone cannot give it": "未读取线电压：仅凭相电压无法计算",
    "the meters tell none": "电表不提供",
    "In brackets: the part of the time that lay beyond the limit, of several weeks in the worst.": (
        "括号内：越限时间占比，多周时取最差一周。"
    ),
    "Low, High, Unknown and Outage are minutes.": "越下限、越上限、未知与停电均以分钟计。",
    "Ten minutes that a sag, swell or outage touches are judged nowhere; a verdict allows for what was not seen.": (
        "与暂降、暂升或停电重叠的 10 分钟不参与判定；结论已计及未采集的时间。"
    ),
    "Weeks are counted from the beginning of the period: the {days} d left at its end make none.": (
        "周自统计期起点算起：最后 {days} 天不足一周，不参与按周判定。"
    ),
    "Sag indices": "暂降指标",
    "; meters of {count} paces together: no index": "；含 {count} 种采样间隔的电表，合计不作为指标",
    "Pace": "采样间隔",
    "Floor": "下限时长",
    "per": "单位",
    "customer": "每用户",
    "meter": "每电表",
    "their own counters": "电表自身计数器",
    "their voltages are not watched": "未监视其电压",
    "What passes unseen between two looks depends on the pace, so meters of different paces are not counted together: "
    "each group counts what lasted longer than its floor, and no longer than a minute.": (
        "两次采样之间可能漏检的事件取决于采样间隔，因此不同间隔的电表不合并统计：各组仅统计长于其下限且不超过一分钟的事件。"
    ),
}
