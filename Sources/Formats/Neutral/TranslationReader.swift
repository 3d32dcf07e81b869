import Schema

/// Reads the fields of a request that is to be translated, and refuses those that cannot be.
struct TranslationReader {
    let reader: RequestReader

    var body: JSONObject { reader.body }
    var bytes: [UInt8] { reader.bytes }

    init(_ bytes: [UInt8]) throws(RequestFault) {
        reader = try RequestReader(bytes, parameters: ParameterTable(read: []))
    }

    /// An object all of whose fields are known.
    ///
    /// - Parameters:
    ///   - carried: fields that are read.
    ///   - dropped: fields whose loss changes neither the cost nor the meaning of the call.
    func object(
        _ value: JSONValue,
        _ path: String,
        carried: Set<String>,
        dropped: Set<String> = []
    ) throws(RequestFault) -> JSONObject {
        let object = try reader.object(value, path)
        try check(object, path, carried: carried, dropped: dropped)
        return object
    }

    /// Refuses the fields of an object that are neither carried nor dropped, unless null.
    func check(
        _ object: JSONObject,
        _ path: String?,
        carried: Set<String>,
        dropped: Set<String> = []
    ) throws(RequestFault) {
        for field in object.fields where field.value.kind != .null {
            let name = field.name.text
            if carried.contains(name) || dropped.contains(name) { continue }
            throw .untranslatable(path.map { "\($0).\(name)" } ?? name)
        }
    }

    func elements(_ value: JSONValue, _ path: String) throws(RequestFault) -> [JSONValue] {
        try reader.elements(of: value, path)
    }

    func text(_ value: JSONValue, _ path: String) throws(RequestFault) -> String {
        guard value.kind == .string else { throw .wrongType(path, expected: "a string") }
        guard let text = value.string(in: bytes) else {
            throw .invalidValue(path, "it has half of a surrogate pair")
        }
        return text
    }

    func text(
        _ object: JSONObject,
        _ name: StaticString,
        _ path: String?
    ) throws(RequestFault) -> String? {
        guard let value = object.present(name) else { return nil }
        return try text(value, Self.path(path, name))
    }

    func required(
        _ object: JSONObject,
        _ name: StaticString,
        _ path: String?
    ) throws(RequestFault) -> String {
        guard let text = try text(object, name, path) else {
            throw .missing(Self.path(path, name))
        }
        return text
    }

    func flag(
        _ object: JSONObject,
        _ name: StaticString,
        _ path: String?
    ) throws(RequestFault) -> Bool? {
        guard let value = object.present(name) else { return nil }
        guard let flag = value.boolean else {
            throw .wrongType(Self.path(path, name), expected: "a boolean")
        }
        return flag
    }

    func number(_ name: StaticString) throws(RequestFault) -> Neutral.Number? {
        guard let value = body.present(name) else { return nil }
        guard value.kind == .number else { throw .wrongType("\(name)", expected: "a number") }
        return Neutral.Number(String(decoding: bytes[value.range], as: UTF8.self))
    }

    /// A JSON object as it stands.
    func raw(_ value: JSONValue, _ path: String) throws(RequestFault) -> [UInt8] {
        guard value.kind == .object else { throw .wrongType(path, expected: "an object") }
        return Array(bytes[value.range])
    }

    /// Anthropic's `cache_control`, which some clients put into OpenAI's formats too.
    func cache(_ object: JSONObject, _ path: String?) throws(RequestFault) -> CacheWrites {
        guard let value = object.present("cache_control") else { return .none }
        let path = Self.path(path, "cache_control")
        let control = try self.object(value, path, carried: ["type", "ttl"])
        switch try text(control, "ttl", path) {
        case nil, "5m": return .short
        case "1h": return .long
        default: throw .invalidValue("\(path).ttl", "expected '5m' or '1h'")
        }
    }

    static func path(_ path: String?, _ name: StaticString) -> String {
        path.map { "\($0).\(name)" } ?? "\(name)"
    }
}

extension RequestFault {
    /// A field that the format of the upstream has no twin for.
    static func untranslatable(_ parameter: String, _ what: String = "") -> Self {
        Self(
            parameter: parameter,
            code: "unsupported_parameter",
            message: "Unsupported parameter: '\(parameter)'\(what) cannot be carried to the API "
                + "that serves this model."
        )
    }
}

extension Neutral.Image {
    /// An image by the URL that OpenAI's formats name it by.
    init(url: String, detail: String?) {
        if let data = Self.data(url) {
            self.init(data, detail: detail)
        } else {
            self.init(.url(url), detail: detail)
        }
    }

    private static func data(_ url: String) -> Source? {
        guard url.hasPrefix("data:"), let comma = url.firstIndex(of: ",") else { return nil }
        let head = url[url.index(url.startIndex, offsetBy: 5)..<comma]
        guard head.hasSuffix(";base64") else { return nil }
        return .data(
            mediaType: String(head.dropLast(7)),
            base64: String(url[url.index(after: comma)...])
        )
    }

    var url: String {
        switch source {
        case .url(let url): url
        case .data(let mediaType, let base64): "data:\(mediaType);base64,\(base64)"
        }
    }
}
