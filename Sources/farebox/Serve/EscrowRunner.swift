import EventLoop
import Ingress
import Ledger
import Synchronization

/// The escrow as a service: registered and running from start to stop.
///
/// It starts by ending what an earlier process left: the recovered events are shipped, then the
/// leases of earlier epochs are closed. Nothing is admitted on those.
final class EscrowRunner: Service {
    let name = "escrow"
    private let service: EscrowService
    private let shipper: Shipper
    private let log: Log
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(service: EscrowService, shipper: Shipper, log: Log) {
        self.service = service
        self.shipper = shipper
        self.log = log
    }

    func start() async throws {
        let identity = try await service.start()
        running.withLock { $0 = Task { await service.run() } }
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
