import Foundation

/// What the environment says.
///
/// | Variable | Meaning | Default |
/// |---|---|---|
/// | `DATABASE_URL` | PostgreSQL, as the service role | none |
/// | `FAREBOX_OWNER_URL` | PostgreSQL, as the role that migrates | `DATABASE_URL` |
/// | `FAREBOX_CONFIG` | the configuration file | none |
/// | `FAREBOX_MIGRATIONS` | the folder of migrations | `migrations` beside the working folder |
/// | `FAREBOX_JOURNAL` | the journal's file | `farebox-journal.sqlite` |
/// | `FAREBOX_INSTANCE` | a label for this instance | the host's name |
/// | `FAREBOX_VOCABULARY` | the folder of vocabularies, to count tokens exactly | none |
/// | `FAREBOX_ADMIN_TOKEN` | an operator's token for the admin listener | none: loopback only |
/// | `FAREBOX_OPENAPI` | the description of the admin API | `openapi.yaml` in the working folder |
/// | `FAREBOX_LOG` | the least level that is logged: debug, info, warning or error | `info` |
struct Settings: Sendable {
    let environment: [String: String]

    static let current = Settings(environment: ProcessInfo.processInfo.environment)

    var databaseURL: String? { value("DATABASE_URL") }
    var ownerURL: String? { value("FAREBOX_OWNER_URL") ?? databaseURL }
    var configurationPath: String? { value("FAREBOX_CONFIG") }
    var migrationsPath: String { value("FAREBOX_MIGRATIONS") ?? "migrations" }
    var journalPath: String { value("FAREBOX_JOURNAL") ?? "farebox-journal.sqlite" }
    var vocabularyPath: String? { value("FAREBOX_VOCABULARY") }
    var instanceLabel: String {
        value("FAREBOX_INSTANCE") ?? ProcessInfo.processInfo.hostName
    }
    var adminToken: String? { value("FAREBOX_ADMIN_TOKEN") }
    var descriptionPath: String { value("FAREBOX_OPENAPI") ?? "openapi.yaml" }
    var logLevel: String { value("FAREBOX_LOG") ?? "info" }

    /// An empty variable counts as none.
    private func value(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}
