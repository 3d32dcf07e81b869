import EventLoop
import Foundation
import Ingress
import Schema

/// What `serve` was told by its command line, its configuration file and the environment.
struct ServeOptions: Sendable {
    private static let defaultListen = "127.0.0.1:8080"
    static let defaultAdminListen = "127.0.0.1:8081"

    let databaseURL: String
    let listen: SocketAddress
    let adminListen: SocketAddress
    /// An operator's token for the admin listener; nil for none.
    let adminToken: String?
    /// Where the description of the admin API is.
    let descriptionPath: String
    let loopCount: Int
    let configuration: ConfigurationFile
    /// The file that it was read from.
    let configurationPath: String
    /// The price file to import, beside the configuration that names it.
    let pricesPath: String?
    let journalPath: String
    /// Where the vocabularies are; nil to estimate instead of counting.
    let vocabularyPath: String?
    let instanceLabel: String
    let log: Log

    init(_ invocation: Invocation, _ settings: Settings) throws {
        guard let url = invocation["--database"] ?? settings.databaseURL else {
            throw UsageError("set DATABASE_URL or give --database postgresql://…")
        }
        databaseURL = url
        guard let path = invocation["--config"] ?? settings.configurationPath else {
            throw UsageError("set FAREBOX_CONFIG or give --config FILE")
        }
        if let role = invocation["--role"], role != "all" {
            throw UsageError("--role has only \"all\" in this version")
        }
        configuration = try ConfigurationFile.read(path: path, environment: settings.environment)
        configurationPath = path
        pricesPath = configuration.prices.map { prices in
            URL(filePath: prices, relativeTo: URL(filePath: path).deletingLastPathComponent())
                .path()
        }
        listen = try ListenAddress.read(
            invocation["--listen"] ?? configuration.listen ?? Self.defaultListen,
            "--listen"
        )
        adminListen = try ListenAddress.read(
            invocation["--admin-listen"] ?? configuration.adminListen ?? Self.defaultAdminListen,
            "--admin-listen"
        )
        adminToken = settings.adminToken
        guard adminListen.isLoopback || adminToken != nil else {
            throw UsageError(
                "without FAREBOX_ADMIN_TOKEN the admin listener listens on a loopback address"
                    + " only, not on \(adminListen)"
            )
        }
        descriptionPath = settings.descriptionPath
        loopCount =
            try invocation.integer(option: "--loops", in: 1...256).map(Int.init)
            ?? ProcessInfo.processInfo.activeProcessorCount
        journalPath = settings.journalPath
        vocabularyPath = settings.vocabularyPath
        instanceLabel = settings.instanceLabel
        guard let level = Log.Level(settings.logLevel) else {
            throw UsageError("FAREBOX_LOG is debug, info, warning or error")
        }
        log = Log(
            least: level,
            isReadable: isatty(STDERR_FILENO) == 1,
            clock: { SystemClock.now() }
        )
    }
}
