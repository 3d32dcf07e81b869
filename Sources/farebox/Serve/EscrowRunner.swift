import EventLoop
import Ingress
import Ledger
import Postgres
import Synchronization

/// The escrow as a service: registered and running from start to stop.
///
/// It starts by ending what an earlier process left: its calls without an end, whose events are
/// shipped, then the leases of earlier epochs, on which nothing is admitted. Only once it is
/// registered: a copy of a journal must not end calls that run under the original.
final class EscrowRunner: Service {
    let name = "escrow"
    private let service: EscrowService
    private let shipper: Shipper
    private let recalls: NotificationListener
    private let endInterrupted: @Sendable () async throws -> Void
    private let log: Log
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter recalls: listens to `EscrowService.recallChannel`.
    init(
        service: EscrowService,
        shipper: Shipper,
        recalls: NotificationListener,
        endInterrupted: @escaping @Sendable () async throws -> Void,
        log: Log
    ) {
        self.service = service
        self.shipper = shipper
        self.recalls = recalls
        self.endInterrupted = endInterrupted
        self.log = log
    }

    func start() async throws {
        let identity = try await service.start()
        let (service, recalls) = (service, recalls)
        running.withLock { running in
            running = Task {
                async let hearing: Void = Self.hear(recalls, service)
                await service.run()
                await hearing
            }
        }
        try await endInterrupted()
        await shipper.shipAll()
        let closed = try await service.closeEarlierEpochs()
        log.info(
            "registered",
            [
                "instance": .text("\(identity.instance)"), "epoch": .number(identity.epoch),
                "earlier_leases_closed": .number(Int64(closed)),
            ]
        )
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        await service.stop(by: deadline)
        await recalls.close()
        running.withLock(\.self)?.cancel()
    }

    /// Passes on which accounts other instances are short of.
    private static func hear(_ recalls: NotificationListener, _ service: EscrowService) async {
        for await element in recalls.elements {
            switch element {
            case .gap: await service.readRecalls()
            case .notification(_, let payload): service.recalled(payload)
            }
        }
    }
}
