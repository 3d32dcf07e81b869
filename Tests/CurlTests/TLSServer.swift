import Foundation

/// OpenSSL's own test server with a certificate of its own making, in a process.
///
/// It answers each request with the file that the path names, and closes.
final class TLSServer {
    static let openSSL = "/usr/bin/openssl"

    let directory: URL
    let port: UInt16
    private let process: Process

    /// - Parameter subjectAltName: what the certificate is for, such as `IP:127.0.0.1`.
    init(subjectAltName: String) throws {
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("farebox-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Self.makeCertificate(named: "server", for: subjectAltName, in: directory)
        try Self.makeCertificate(named: "other", for: subjectAltName, in: directory)
        try Data("over TLS".utf8).write(to: directory.appendingPathComponent("hello"))

        let output = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.openSSL)
        process.arguments = [
            "s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key", "server.key",
            "-WWW",
        ]
        process.currentDirectoryURL = directory
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = Pipe()
        try process.run()
        port = try Self.readPort(from: output.fileHandleForReading)
    }

    var url: String { "https://127.0.0.1:\(port)" }

    /// The certificate that signs itself, and thus its own authority.
    func authority(_ name: String) -> String {
        directory.appendingPathComponent("\(name).pem").path
    }

    func stop() {
        // Not SIGTERM, which the child may have inherited blocked.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }

    private static func makeCertificate(
        named name: String,
        for subjectAltName: String,
        in directory: URL
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: openSSL)
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "\(name).key", "-out", "\(name).pem", "-days", "2", "-subj",
            "/CN=\(name)", "-addext", "subjectAltName=\(subjectAltName)",
        ]
        process.currentDirectoryURL = directory
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TLSServerError.noCertificate }
    }

    /// The server says `ACCEPT 127.0.0.1:port` once it listens.
    private static func readPort(from output: FileHandle) throws -> UInt16 {
        var text = ""
        while true {
            let data = output.availableData
            if data.isEmpty { throw TLSServerError.didNotStart(text) }
            text += String(decoding: data, as: UTF8.self)
            for line in text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1)
            where line.hasPrefix("ACCEPT") {
                if let port = line.split(separator: ":").last.flatMap({ UInt16($0) }) {
                    return port
                }
            }
        }
    }
}

enum TLSServerError: Error {
    case noCertificate
    case didNotStart(String)
}
