import CCurl

/// A server as requests name it: scheme, host, port, and whom it has to convince of its identity.
///
/// A class, because it also keeps the idle connections to the server, so that a request finds them
/// without a search.
final class Origin {
    struct Name: Hashable {
        /// `https://host`, with the port unless it is the scheme's own.
        let url: String
        let caFile: String?
    }

    let name: Name
    let isSecure: Bool
    /// The last used last.
    var idle: [Connection] = []

    init(_ name: Name) {
        self.name = name
        isSecure = name.url.utf8.starts(with: "https://".utf8)
    }
}

/// Where a request goes: its origin, and what its head says behind the method.
struct Target {
    let origin: Origin
    /// ` /path?query HTTP/1.1` and the `host` field, with their line ends.
    let line: [UInt8]
}

/// The targets of late, so that a URL is parsed once and not for each request.
struct TargetTable {
    private struct Key: Hashable {
        let url: String
        let caFile: String?
    }

    /// Above this many the table is begun anew.
    private static let countMax = 256

    private var targets: [Key: Target] = [:]
    private var origins: [Origin.Name: Origin] = [:]

    /// - Throws: `invalidRequest` for a URL that is none.
    mutating func target(of request: CurlRequest) throws(CurlError) -> Target {
        let key = Key(url: request.url, caFile: request.caFile)
        if let target = targets[key] { return target }
        if targets.count >= Self.countMax { removeAll() }
        let parts = try URLParts(request.url)
        let name = Origin.Name(url: parts.origin, caFile: request.caFile)
        let origin = origins[name] ?? Origin(name)
        origins[name] = origin
        let line = " \(parts.target) HTTP/1.1\r\nhost: \(parts.host)\r\n"
        let target = Target(origin: origin, line: Array(line.utf8))
        targets[key] = target
        return target
    }

    private mutating func removeAll() {
        targets = [:]
        origins = origins.filter { !$0.value.idle.isEmpty }
    }
}

/// A URL taken apart by curl, which will be asked to connect to it.
private struct URLParts {
    /// Scheme, host and port.
    let origin: String
    /// Host and port, as the `host` field says them.
    let host: String
    /// Path and query.
    let target: String

    init(_ url: String) throws(CurlError) {
        guard let handle = curl_url() else {
            throw CurlError(.resources, isRetrySafe: true, detail: "curl has no memory for a URL")
        }
        defer { curl_url_cleanup(handle) }
        let flags = UInt32(CURLU_DISALLOW_USER | CURLU_PATH_AS_IS)
        let result = curl_url_set(handle, CURLUPART_URL, url, flags)
        guard result == CURLUE_OK, let scheme = part(CURLUPART_SCHEME, of: handle),
            let name = part(CURLUPART_HOST, of: handle),
            let path = part(CURLUPART_PATH, of: handle)
        else {
            throw CurlError(
                result == CURLUE_OUT_OF_MEMORY ? .resources : .invalidRequest,
                isRetrySafe: true,
                detail: String(cString: curl_url_strerror(result))
            )
        }
        host = part(CURLUPART_PORT, of: handle).map { "\(name):\($0)" } ?? name
        origin = "\(scheme)://\(host)"
        target = part(CURLUPART_QUERY, of: handle).map { "\(path)?\($0)" } ?? path
    }
}

/// Nil for a part that the URL does not have; a port that is the scheme's own is none.
private func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, UInt32(CURLU_NO_DEFAULT_PORT)) == CURLUE_OK,
        let text
    else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
}
