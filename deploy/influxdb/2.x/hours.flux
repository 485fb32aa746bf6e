// Hours out of tens of minutes: means weighted by coverage, lowest, highest, coverage. From documentation, not run here.
option task = {name: "lamplighter hours", every: 1h, offset: 5m}

tens = () =>
    from(bucket: "lamplighter")
        |> range(start: -4d)
        |> filter(fn: (r) => r._measurement == "interval_10min")
        |> drop(columns: ["_start", "_stop"])

hourly = (tables=<-, fn) =>
    tables
        |> range(start: -4d)
        |> aggregateWindow(every: 1h, fn: fn, createEmpty: false, timeSrc: "_start")
        |> set(key: "_measurement", value: "interval_1h")
        |> to(bucket: "lamplighter_years")

coverage =
    tens()
        |> filter(fn: (r) => r._field == "coverage")
        |> drop(columns: ["_field", "_measurement"])

// The sums of value * coverage and of coverage, per hour, series and field; their quotient is the mean.
join(
    tables: {
        value:
            tens()
                |> filter(fn: (r) => r._field != "coverage" and r._field !~ /_(min|max)$/),
        weight: coverage,
    },
    on: ["_time", "site", "gateway", "meter", "feeder"],
)
    |> map(fn: (r) => ({r with _value: r._value_value * r._value_weight, weight: r._value_weight}))
    |> group(columns: ["_measurement", "_field", "site", "gateway", "meter", "feeder"])
    |> window(every: 1h)
    |> reduce(
        identity: {sum: 0.0, weight: 0.0},
        fn: (r, accumulator) => ({sum: accumulator.sum + r._value, weight: accumulator.weight + r.weight}),
    )
    |> filter(fn: (r) => r.weight > 0.0)
    |> map(fn: (r) => ({r with _time: r._start, _value: r.sum / r.weight}))
    |> drop(columns: ["_start", "_stop", "sum", "weight"])
    |> set(key: "_measurement", value: "interval_1h")
    |> to(bucket: "lamplighter_years")

tens() |> filter(fn: (r) => r._field =~ /_min$/) |> hourly(fn: min)
tens() |> filter(fn: (r) => r._field =~ /_max$/) |> hourly(fn: max)

tens()
    |> filter(fn: (r) => r._field == "coverage")
    |> map(fn: (r) => ({r with _value: r._value / 6.0}))
    |> hourly(fn: sum)
