import CPostgres

/// Where a database is and who connects, without ever showing the password.
package struct DatabaseURL: Sendable, Hashable {
    private var settings: [Setting]

    private struct Setting: Hashable {
        let keyword: String
        var value: String
    }

    /// Reads a URL (`postgresql://user:password@host:5432/name`) or a keyword string.
    ///
    /// Several hosts, a socket directory as host and every setting of libpq are allowed.
    package init(_ text: String) throws(PostgresError) {
        // libpq's own message would repeat parts of the text, and so perhaps the password.
        let malformed = PostgresError(
            .malformedURL,
            phase: .connect,
            "the URL of the database cannot be read"
        )
        guard let options = PQconninfoParse(text, nil) else { throw malformed }
        defer { PQconninfoFree(options) }
        settings = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                settings.append(
                    Setting(keyword: String(cString: keyword), value: String(cString: value))
                )
            }
            option += 1
        }
        // A password with an unescaped slash or colon ends up here and in libpq's message.
        let port = self["port"] ?? ""
        guard port.utf8.allSatisfy({ $0 == UInt8(ascii: ",") || (48...57).contains($0) }) else {
            throw malformed
        }
    }

    private subscript(keyword: String) -> String? {
        settings.first { $0.keyword == keyword }?.value
    }

    /// The same server and user, but another database.
    package func naming(database: String) -> DatabaseURL {
        var other = self
        other.set("dbname", to: database)
        return other
    }

    /// The same database by another way: a proxy in front of the server.
    package func naming(host: String, port: Int) -> DatabaseURL {
        var other = self
        other.set("host", to: host)
        other.set("port", to: String(port))
        other.settings.removeAll { $0.keyword == "hostaddr" }
        return other
    }

    /// The same database, which ends each statement outside of transactions that takes longer.
    package func limitingStatements(toSeconds seconds: Int) -> DatabaseURL {
        var other = self
        let limit = "-c statement_timeout=\(seconds)s"
        other.set("options", to: self["options"].map { "\($0) \(limit)" } ?? limit)
        return other
    }

    private mutating func set(_ keyword: String, to value: String) {
        settings.removeAll { $0.keyword == keyword }
        settings.append(Setting(keyword: keyword, value: value))
    }

    package var host: String { self["host"] ?? self["hostaddr"] ?? "" }
    package var port: String { self["port"] ?? "" }
    package var user: String { self["user"] ?? "" }
    package var database: String { self["dbname"] ?? "" }

    /// The whole, with the password, in libpq's keyword form: for the environment of a process.
    package var revealed: String {
        settings.map { setting in
            let escaped = setting.value.flatMap { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }
            return "\(setting.keyword)='\(String(escaped))'"
        }.joined(separator: " ")
    }

    /// The keywords and values to connect with; what the URL says overrides the defaults.
    func parameters(defaults: KeyValuePairs<String, String>) -> [(keyword: String, value: String)] {
        defaults.filter { self[$0.key] == nil }.map { ($0.key, $0.value) }
            + settings.map { ($0.keyword, $0.value) }
    }

    /// A message without the password, in case a library repeats it.
    func redact(_ message: String) -> String {
        guard let password = self["password"], !password.isEmpty else { return message }
        return message.replacing(password, with: "«secret»")
    }
}

extension DatabaseURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// User, host, port and name; the password and all other settings are left out.
    package var description: String { "postgresql://\(user)@\(host):\(port)/\(database)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
