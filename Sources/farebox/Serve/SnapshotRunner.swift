import EventLoop
import Ingress
import Postgres
import Synchronization

/// Keeps the snapshots of keys and prices fresh from start to stop.
final class SnapshotRunner: Service {
    let name = "snapshots"
    private let keeper: SnapshotKeeper
    private let listener: NotificationListener
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(keeper: SnapshotKeeper, listener: NotificationListener) {
        self.keeper = keeper
        self.listener = listener
    }

    func start() async throws {
        // Changes that come while one is being read are read together.
        let (changes, bell) = AsyncStream.makeStream(
            of: Void.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let (keeper, listener) = (keeper, listener)
        running.withLock { running in
            running = Task {
                async let following: Void = keeper.run(changes)
                for await _ in listener.elements { bell.yield() }
                await following
            }
        }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        running.withLock(\.self)?.cancel()
        await listener.close()
    }
}
