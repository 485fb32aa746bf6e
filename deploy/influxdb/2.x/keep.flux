// What is to outlive the 90 days, copied as it is. From documentation, not run here.
option task = {name: "lamplighter keep", cron: "17 2 * * *"}

from(bucket: "lamplighter")
    |> range(start: -89d)
    |> filter(fn: (r) => r._measurement =~ /^(event|event_log|incident|meter_info)$/)
    |> to(bucket: "lamplighter_years")

from(bucket: "lamplighter")
    |> range(start: -8d)
    |> filter(fn: (r) => r._measurement =~ /^(interval_10min|demand_15min)$/)
    |> to(bucket: "lamplighter_years")
