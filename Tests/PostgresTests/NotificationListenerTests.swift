import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct NotificationListenerTests {
    /// What one reader has heard so far.
    private final class Ear: Sendable {
        let heard = Mutex<[NotificationListener.Element]>([])
        let hasEnded = Flag()

        func listen(to listener: NotificationListener) -> Task<Void, Never> {
            Task {
                for await element in listener.elements { heard.withLock { $0.append(element) } }
                hasEnded.set()
            }
        }

        func hears(_ expected: [NotificationListener.Element]) async -> Bool {
            await eventually { heard.withLock { $0 == expected } }
        }
    }

    private func withListener(
        _ channels: [String],
        _ body: (Ear, Database, NotificationListener) async throws -> Void
    ) async throws {
        try await withDatabase { ownerURL, _ in
            var configuration = DatabaseConfiguration(url: ownerURL)
            configuration.backoff = .milliseconds(1) ... .milliseconds(20)
            configuration.connectionsMax = 1
            let listener = NotificationListener(configuration, channels: channels)
            let ear = Ear()
            let reader = ear.listen(to: listener)
            try await withPool(configuration) { try await body(ear, $0, listener) }
            await listener.close()
            await reader.value
        }
    }

    private func notify(_ database: Database, _ channel: String, _ payload: String) async throws {
        try await database.read { session in
            _ = try session.execute("SELECT pg_notify(\(channel), \(payload))")
        }
    }

    /// Ends every connection that this database has, but the one that asks.
    private func endOthers(_ database: Database) async throws {
        let count = try await database.read { session in
            try session.execute(
                """
                SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND backend_type = 'client backend'
                """
            ).count
        }
        #expect(count == 1)
    }

    @Test func `notifications of all channels are heard in order`() async throws {
        try await withListener(["keys", "Odd \"name\""]) { ear, database, _ in
            #expect(await ear.hears([.gap]))
            try await notify(database, "keys", "1")
            try await notify(database, "Odd \"name\"", "")
            try await notify(database, "elsewhere", "unheard")
            try await notify(database, "keys", "Ä")
            #expect(
                await ear.hears([
                    .gap, .notification(channel: "keys", payload: "1"),
                    .notification(channel: "Odd \"name\"", payload: ""),
                    .notification(channel: "keys", payload: "Ä"),
                ])
            )
        }
    }

    @Test func `a lost connection is told as a gap, after which all is heard again`() async throws {
        try await withListener(["keys"]) { ear, database, _ in
            #expect(await ear.hears([.gap]))
            try await endOthers(database)
            #expect(await ear.hears([.gap, .gap]))
            try await notify(database, "keys", "after")
            #expect(
                await ear.hears([.gap, .gap, .notification(channel: "keys", payload: "after")])
            )
        }
    }

    @Test func `a reader that falls behind hears of a gap`() async throws {
        try await withDatabase { ownerURL, _ in
            let configuration = DatabaseConfiguration(url: ownerURL)
            let listener = NotificationListener(configuration, channels: ["keys"])
            try await withPool(configuration) { database in
                var iterator = listener.elements.makeAsyncIterator()
                #expect(await iterator.next() == .gap)
                // Eight megabytes are more than the sockets hold, so once the server's queue is
                // empty but for its last pages, the listener has read most of them.
                try await database.read { session in
                    _ = try session.execute(
                        """
                        SELECT pg_notify('keys', n || repeat('x', 400))
                        FROM generate_series(1, 20000) AS n
                        """
                    )
                }
                let isQuiet = try await eventually {
                    try await database.read { session in
                        try session.execute(
                            "SELECT pg_notification_queue_usage() < 0.0005 AS quiet"
                        )
                        .single().get("quiet", as: Bool.self)
                    }
                }
                #expect(isQuiet)
                var count = 0
                while let element = await iterator.next(), element != .gap { count += 1 }
                #expect(count >= 1_024 && count < 20_000)
                // What comes after the last gap is heard again; rests may bring another gap before.
                let again = NotificationListener.Element.notification(
                    channel: "keys",
                    payload: "again"
                )
                var last: NotificationListener.Element? = .gap
                while last == .gap {
                    try await notify(database, "keys", "again")
                    repeat {
                        last = await iterator.next()
                    } while last != nil && last != again && last != .gap
                }
                #expect(last == again)
            }
            await listener.close()
        }
    }

    @Test func `closing ends the stream, also while the server is away`() async throws {
        let (port, descriptor) = try closedPort()
        defer { closeDescriptor(descriptor) }
        var configuration = DatabaseConfiguration(
            url: try TestServer.ownerURL().naming(host: "127.0.0.1", port: port)
        )
        configuration.backoff = .seconds(600) ... .seconds(600)
        let failed = Flag()
        configuration.report = { report in
            if case .connectFailed = report { failed.set() }
        }
        let listener = NotificationListener(configuration, channels: ["keys"])
        let ear = Ear()
        let reader = ear.listen(to: listener)
        #expect(await eventually { failed.isSet })
        await listener.close()
        await listener.close()
        await reader.value
        #expect(ear.heard.withLock { $0.isEmpty })
    }

    @Test func `a listener that is let go ends its stream`() async throws {
        let ear = Ear()
        let reader: Task<Void, Never>
        do {
            let listener = NotificationListener(
                DatabaseConfiguration(url: try TestServer.ownerURL()),
                channels: ["keys"]
            )
            let elements = listener.elements
            reader = Task {
                for await _ in elements {}
                ear.hasEnded.set()
            }
        }
        #expect(await eventually { ear.hasEnded.isSet })
        await reader.value
    }
}
