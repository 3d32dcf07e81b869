/// Metrics in Prometheus's text format, version 0.0.4.
struct PrometheusText {
    /// What is before every name.
    private static let prefix = "farebox_"

    private(set) var text = ""

    /// Begins a metric.
    mutating func begin(_ name: String, _ type: String, help: String) {
        text += "# HELP \(Self.prefix)\(name) \(help)\n# TYPE \(Self.prefix)\(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: String) {
        text += Self.prefix + name
        let labels = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
        if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
        text += " \(value)\n"
    }

    /// A metric of one sample.
    mutating func single(_ name: String, _ type: String, help: String, _ value: some BinaryInteger)
    {
        begin(name, type, help: help)
        sample(name, [:], "\(value)")
    }

    /// The samples of one histogram, in seconds.
    mutating func histogram(
        _ name: String,
        label: String,
        _ value: String,
        _ data: LatencyHistogram
    ) {
        var cumulative: Int64 = 0
        for (bound, count) in zip(LatencyHistogram.boundsMilliseconds, data.counts) {
            cumulative += count
            sample(
                name + "_bucket",
                [label: value, "le": Self.seconds(bound)],
                "\(cumulative)"
            )
        }
        sample(name + "_bucket", [label: value, "le": "+Inf"], "\(data.count)")
        sample(name + "_sum", [label: value], Self.seconds(data.sumMilliseconds))
        sample(name + "_count", [label: value], "\(data.count)")
    }

    /// Milliseconds as a decimal number of seconds.
    private static func seconds(_ milliseconds: Int64) -> String {
        let (whole, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
        guard rest != 0 else { return "\(whole)" }
        let digits = String(rest)
        var fraction = String(repeating: "0", count: 3 - digits.count) + digits
        while fraction.last == "0" { fraction.removeLast() }
        return "\(whole).\(fraction)"
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
