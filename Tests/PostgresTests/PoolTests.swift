import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite struct ConnectionQueueTests {
    @Test func `waiters are served in the order of their coming`() {
        var queue = ConnectionQueue(connectionCount: 2, waitersMax: 2)
        #expect(queue.isAtRest)
        let taken = [queue.take(), queue.take(), queue.take()]
        #expect(taken == [0, 1, nil])
        let mayWait = [queue.wait(10), queue.wait(11), queue.wait(12)]
        #expect(mayWait == [true, true, false])
        let served = [queue.putBack(1), queue.putBack(0), queue.putBack(0)]
        #expect(served == [10, 11, nil])
        #expect(!queue.isAtRest)
        let last = queue.putBack(1)
        #expect(last == nil)
        #expect(queue.isAtRest)
    }

    @Test func `the connection used last is used next`() {
        var queue = ConnectionQueue(connectionCount: 3, waitersMax: 1)
        let taken = [queue.take(), queue.take()]
        #expect(taken == [0, 1])
        _ = queue.putBack(0)
        let next = queue.take()
        #expect(next == 0)
    }

    @Test func `who gave up is not served`() {
        var queue = ConnectionQueue(connectionCount: 1, waitersMax: 4)
        _ = queue.take()
        let mayWait = [queue.wait(1), queue.wait(2)]
        #expect(mayWait == [true, true])
        let gaveUp = [queue.giveUp(1), queue.giveUp(1)]
        #expect(gaveUp == [true, false])
        let served = queue.putBack(0)
        #expect(served == 2)
        let tooLate = queue.giveUp(2)
        #expect(!tooLate)
    }
}

@Suite struct BackoffTests {
    @Test func `pauses double up to the bound, half of each random`() {
        let now = ContinuousClock.now
        var least = Backoff(bounds: .milliseconds(50) ... .seconds(2))
        var most = least
        let expected = [50, 100, 200, 400, 800, 1_600, 2_000, 2_000].map {
            Duration.milliseconds($0)
        }
        for pause in expected {
            #expect(least.failed(at: now, random: 0) == pause / 2)
            let longest = most.failed(at: now, random: 1_024)
            #expect(longest <= pause && longest > pause * 99 / 100)
        }
        for _ in 0..<100 { #expect(most.failed(at: now, random: .max) <= .seconds(2)) }
    }

    @Test func `no attempt before the pause is over, and none is held back after a success`() {
        let now = ContinuousClock.now
        var backoff = Backoff(bounds: .seconds(1) ... .seconds(8))
        #expect(backoff.allowsAttempt(at: now))
        let pause = backoff.failed(at: now, random: 3)
        #expect(!backoff.allowsAttempt(at: now.advanced(by: pause - .nanoseconds(1))))
        #expect(backoff.allowsAttempt(at: now.advanced(by: pause)))
        backoff.succeeded()
        #expect(backoff.allowsAttempt(at: now))
        #expect(backoff.failed(at: now, random: 0) == .milliseconds(500))
    }
}

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct PoolTests {
    private func configuration(connections: Int) throws -> DatabaseConfiguration {
        var configuration = DatabaseConfiguration(url: try TestServer.ownerURL())
        configuration.connectionsMax = connections
        return configuration
    }

    /// Holds the only connection until it is told to let go.
    private func withBusyPool(
        _ configuration: DatabaseConfiguration,
        _ body: @escaping @Sendable (Database) async throws -> Void
    ) async throws {
        let isHeld = Flag()
        let mayEnd = Flag()
        try await withPool(configuration) { database in
            async let holder: Void = database.read { _ in
                isHeld.set()
                while !mayEnd.isSet { sleepBriefly() }
            }
            #expect(await eventually { isHeld.isSet })
            do {
                try await body(database)
            } catch {
                mayEnd.set()
                throw error
            }
            mayEnd.set()
            try await holder
        }
    }

    @Test func `many callers share few connections`() async throws {
        var patient = try configuration(connections: 3)
        // A machine that is busy with other suites must not fail this one.
        patient.queueTimeout = .seconds(120)
        try await withPool(patient) { database in
            let backends = try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await database.read { session in
                            try session.execute("SELECT pg_backend_pid() AS pid").single().get(
                                "pid"
                            )
                        }
                    }
                }
                return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
            }
            #expect((1...3).contains(backends.count))
        }
    }

    @Test func `an exhausted pool refuses a caller in time`() async throws {
        var configuration = try configuration(connections: 1)
        configuration.queueTimeout = .milliseconds(50)
        try await withBusyPool(configuration) { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.read { _ in }
            }
            #expect(error?.code == .queueTimedOut)
            #expect(error?.isRetrySafe == true)
            #expect(error?.fault == .us)
        }
    }

    @Test func `a full queue refuses at once`() async throws {
        var configuration = try configuration(connections: 1)
        configuration.queueLengthMax = 0
        try await withBusyPool(configuration) { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.read { _ in }
            }
            #expect(error?.code == .queueFull)
        }
    }

    @Test func `a cancelled caller stops waiting`() async throws {
        try await withBusyPool(configuration(connections: 1)) { database in
            let waiter = Task { try await database.read { _ in } }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
        }
        try await withBusyPool(configuration(connections: 1)) { database in
            let waiter = Task { try await database.read { _ in } }
            try await Task.sleep(for: .milliseconds(20))
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
        }
    }

    @Test func `close lets running work end and refuses the rest`() async throws {
        let database = Database(try configuration(connections: 1))
        let isHeld = Flag()
        let mayEnd = Flag()
        async let holder: Int = database.read { session in
            isHeld.set()
            while !mayEnd.isSet { sleepBriefly() }
            return try session.execute("SELECT 5 AS n").single().get("n")
        }
        #expect(await eventually { isHeld.isSet })
        async let first: Void = database.close()
        async let second: Void = database.close()
        let isRefused = await eventually {
            do {
                try await database.read { _ in }
                return false
            } catch { return (error as? PostgresError)?.code == .closed }
        }
        #expect(isRefused)
        mayEnd.set()
        #expect(try await holder == 5)
        _ = await (first, second)
        await database.close()
    }

    @Test func `a pool that is let go closes its connections`() async throws {
        try await withDatabase { ownerURL, _ in
            do {
                let database = Database(DatabaseConfiguration(url: ownerURL))
                try await database.read { _ = try $0.execute("SELECT 1") }
            }
            try await onServer { session in
                let isGone = try pollUntil {
                    try session.execute(
                        "SELECT FROM pg_stat_activity WHERE datname = \(ownerURL.database)"
                    ).isEmpty
                }
                #expect(isGone)
            }
        }
    }

    @Test func `an unreachable server is asked again only after a pause`() async throws {
        let (port, descriptor) = try closedPort()
        defer { closeDescriptor(descriptor) }
        let failures = Atomic(0)
        var configuration = DatabaseConfiguration(
            url: try TestServer.ownerURL().naming(host: "127.0.0.1", port: port)
        )
        configuration.backoff = .seconds(600) ... .seconds(600)
        configuration.report = { report in
            if case .connectFailed = report { failures.add(1, ordering: .relaxed) }
        }
        try await withPool(configuration) { database in
            for _ in 0..<3 {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.transaction { _ in }
                }
                #expect(error?.code == .connectFailed)
                #expect(error?.phase == .connect)
                #expect(error?.isRetrySafe == true)
            }
        }
        #expect(failures.load(ordering: .relaxed) == 1)
    }

    @Test func `a wrong password is refused without being repeated`() async throws {
        let real = try TestServer.ownerURL()
        let url = try DatabaseURL(real.revealed + " password='hunter2hunter2'")
        try await withPool(DatabaseConfiguration(url: url)) { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.read { _ in }
            }
            #expect(error?.code == .connectFailed)
            #expect(error.map { !"\($0)".contains("hunter2") } == true)
            #expect(error.map { "\($0)".contains("password authentication failed") } == true)
        }
    }
}
