import EventLoop
import Ingress
import Ledger
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
    private let endInterrupted: @Sendable () async throws -> Void
    private let log: Log
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(
        service: EscrowService,
        shipper: Shipper,
        endInterrupted: @escaping @Sendable () async throws -> Void,
        log: Log
    ) {
        self.service = service
        self.shipper = shipper
        self.endInterrupted = endInterrupted
        self.log = log
    }

    func start() async throws {
        let identity = try await service.start()
        running.withLock { $0 = Task { await service.run() } }
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
        running.withLock(\.self)?.cancel()
    }
}
