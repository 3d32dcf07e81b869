import Formats
import Foundation
import Ingress
import Schema

/// The `upstreams` of a configuration file.
struct UpstreamSection {
    private let reader: ConfigurationReader
    private let environment: [String: String]

    init(_ reader: ConfigurationReader, _ environment: [String: String]) {
        self.reader = reader
        self.environment = environment
    }

    func read(_ tree: JSONTree?) -> [String: Upstream] {
        var upstreams: [String: Upstream] = [:]
        for (name, entry) in reader.entries(tree, at: "upstreams").sorted(by: { $0.key < $1.key }) {
            upstreams[name] = upstream(name, entry)
        }
        return upstreams
    }

    private func upstream(_ name: String, _ tree: JSONTree) -> Upstream? {
        let path = "upstreams.\(name)"
        let fields = reader.object(
            tree,
            at: path,
            known: [
                "format", "baseURL", "apiKeys", "concurrencyMax", "keyConcurrencyMax", "circuit",
                "timeouts", "caFile", "onDisconnect", "responses", "defaultServiceTier",
                "outputCapField",
            ]
        )
        if fields["format"] == nil { reader.fault("\(path).format", "is missing") }
        let format = reader.choice(
            fields["format"],
            at: "\(path).format",
            of: APIFormat.self
        )
        let baseURL = baseURL(fields["baseURL"], at: "\(path).baseURL")
        let timeouts = reader.object(
            fields["timeouts"],
            at: "\(path).timeouts",
            known: ["connect", "firstByte", "idle"]
        )
        guard let format, let baseURL else { return nil }
        var upstream = Upstream(
            name: name,
            format: format,
            baseURL: baseURL,
            apiKeys: apiKeys(fields["apiKeys"], at: "\(path).apiKeys"),
            caFile: reader.text(fields["caFile"], at: "\(path).caFile"),
            onDisconnect: reader.choice(
                fields["onDisconnect"],
                at: "\(path).onDisconnect",
                of: GatewayPolicy.OnDisconnect.self
            )
        )
        if let hasResponses = reader.flag(fields["responses"], at: "\(path).responses") {
            if format != .openAI {
                reader.fault("\(path).responses", "means something for the format \"openai\" only")
            }
            upstream.hasResponses = hasResponses
        }
        upstream.defaultServiceTier = reader.choice(
            fields["defaultServiceTier"],
            at: "\(path).defaultServiceTier",
            of: ServiceTier.self
        )
        upstream.outputCapField = outputCapField(fields["outputCapField"], format, at: path)
        func concurrency(_ field: String) -> Int? {
            reader.integer(fields[field], at: "\(path).\(field)", in: 1...1_000_000).map(Int.init)
        }
        upstream.concurrencyMax = concurrency("concurrencyMax")
        upstream.keyConcurrencyMax = concurrency("keyConcurrencyMax")
        if upstream.keyConcurrencyMax != nil, fields["apiKeys"] == nil {
            reader.fault("\(path).keyConcurrencyMax", "means something with apiKeys only")
        }
        upstream.circuit = circuit(fields["circuit"], at: "\(path).circuit")
        func seconds(_ field: String, _ current: Duration) -> Duration {
            let path = "\(path).timeouts.\(field)"
            return reader.integer(timeouts[field], at: path, in: 1...600).map(Duration.seconds)
                ?? current
        }
        upstream.connectTimeout = seconds("connect", upstream.connectTimeout)
        upstream.firstByteTimeout = seconds("firstByte", upstream.firstByteTimeout)
        upstream.idleTimeout = seconds("idle", upstream.idleTimeout)
        return upstream
    }

    private func baseURL(_ tree: JSONTree?, at path: String) -> String? {
        guard let text = reader.requiredText(tree, at: path) else { return nil }
        guard let url = URL(string: text), url.scheme == "http" || url.scheme == "https",
            let host = url.host(), !host.isEmpty, url.user == nil, url.query == nil,
            url.fragment == nil
        else {
            reader.fault(path, "must be an http or https URL without credentials or query")
            return nil
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private func outputCapField(
        _ tree: JSONTree?,
        _ format: APIFormat,
        at path: String
    ) -> OutputCapField? {
        let path = "\(path).outputCapField"
        let field = reader.choice(tree, at: path, of: OutputCapField.self)
        if field != nil, format != .openAI || field == .maxOutputTokens {
            reader.fault(path, "names the cap of chats, of the format \"openai\" only")
        }
        return field
    }

    private func circuit(_ tree: JSONTree?, at path: String) -> CircuitSettings {
        let fields = reader.object(tree, at: path, known: ["failures", "seconds", "secondsMax"])
        var circuit = CircuitSettings()
        func integer(_ name: String, _ range: ClosedRange<Int64>) -> Int64? {
            reader.integer(fields[name], at: "\(path).\(name)", in: range)
        }
        if let failures = integer("failures", 1...1_000_000) {
            circuit.failuresMax = Int(failures)
        }
        if let time = integer("seconds", 1...3_600) { circuit.openFor = .seconds(time) }
        if let time = integer("secondsMax", 1...3_600) { circuit.openForMax = .seconds(time) }
        if circuit.openForMax < circuit.openFor {
            reader.fault("\(path).secondsMax", "must not be less than seconds")
        }
        return circuit
    }

    private func apiKeys(_ tree: JSONTree?, at path: String) -> [Secret] {
        let keys = reader.list(tree, at: path)
        if tree != nil, keys.isEmpty { reader.fault(path, "must have a key, or be left out") }
        let secrets = SecretReader(reader, environment)
        return keys.enumerated().compactMap { secrets.read($1, at: "\(path)[\($0)]") }
    }
}
