"""What a report says of interruptions, in Chinese."""

from collections.abc import Mapping
from types import MappingProxyType

ZH: Mapping[str, str] = MappingProxyType(
    {
        "No customers are written down in the site file: there is nobody to count.": (
            "站点文件中未写明用户数：无从统计。"
        ),
        "Sustained is what lasts over {limit} min, momentary what does not; planned is what lay in maintenance.": (
            "持续超过 {limit} 分钟为持续停电，否则为短时停电；检修期间的停电为计划停电。"
        ),
        "MV users are of medium voltage: each transformer is one where the site file does not say otherwise.": (
            "中压用户：每台变压器计一户，站点文件另有说明者除外。"
        ),
        "Time in which nothing was heard raises the upper bounds by {perhaps} customer-minutes at most; counters prove "
        "supply in {proven} more.": (
            "未采集到数据的时间使上限最多增加 {perhaps} 用户分钟；另有 {proven} 用户分钟由计数器证明有电。"
        ),
        "How many interruptions lie in that time nobody knows: upper numbers are of as many as fit into it, and "
        "momentary ones have no upper number.": (
            "这段时间内停电几次无从得知：次数上限按所能容纳的最多次数计，短时停电次数无上限。"
        ),
        "Orange is sure, pale is possible: min of what lies on each day. The tables above count all of an interruption "
        "on the day on which it began.": (
            "橙色为确定，浅色为可能：落在各日内的分钟数。上表将一次停电的全部时间计入其开始之日。"
        ),
        "Most was lost on feeder {where}: {share} of all customer-minutes ({lost}).": (
            "停电最多的馈线：{where}，占全部用户分钟的 {share}（{lost}）。"
        ),
        "The incident with most of it: {where}, {began}: {share} of all customer-minutes ({lost}).": (
            "影响最大的事故：{where}，{began}，占全部用户分钟的 {share}（{lost}）。"
        ),
        "Major event days (2.5 beta: daily SAIDI above {threshold} min, by {some} of {known} days): {days}.": (
            "重大事件日（2.5 β：日 SAIDI 高于 {threshold} 分钟；{known} 天中 {some} 天有停电）：{days}。"
        ),
        "Whether these were major event days cannot be told: {days}.": "以下日期是否为重大事件日无法判定：{days}。",
        "Major event days: not available: {why} ({known} days are known, {some} with an interruption).": (
            "重大事件日：不可用：{why}（已知 {known} 天，其中 {some} 天有停电）。"
        ),
        "there is no year of days before it": "此前不足一年的数据",
        "fewer than ten days before it had an interruption": "此前有停电的日子不足十天",
        "Target {target} min a year, {due} min for this period: SAIDI {saidi} min: {verdict}.": (
            "目标：每年 {target} 分钟，本期应不超过 {due} 分钟；SAIDI {saidi} 分钟：{verdict}。"
        ),
        "Since the first of January {saidi} min of the {target} min of the year: {verdict}.": (
            "自一月一日起累计 {saidi} 分钟，全年目标 {target} 分钟：{verdict}。"
        ),
        "Since the first of January: not available: {why}.": "自一月一日起累计：不可用：{why}。",
        "what was lost since the first of January is not known": "一月一日以来的停电情况未知",
        "kept": "达标",
        "missed": "未达标",
        "undecided": "无法判定",
        "Sustained interruptions, not planned": "持续停电（不含计划停电）",
        "Momentary and repeated interruptions": "短时停电与重复停电",
        "Planned interruptions, all together, and without major event days": "计划停电、合计及剔除重大事件日",
        "MV users": "中压用户",
        "Users": "用户数",
        "User-minutes lost": "停电用户分钟",
        "User-minutes lost, planned": "计划停电用户分钟",
        "SAIDI planned min": "计划 SAIDI 分钟",
        "SAIDI min": "SAIDI 分钟",
        "CAIDI min": "CAIDI 分钟",
        "CTAIDI min": "CTAIDI 分钟",
        "SAIDI of all min": "合计 SAIDI 分钟",
        "SAIDI normal days min": "正常日 SAIDI 分钟",
    }
)
