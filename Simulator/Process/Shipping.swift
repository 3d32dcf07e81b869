import Ingress
import Ledger
import LedgerModel
import Schema

/// The way of a settled event to the ledger, as `Shipper` leads it.
extension World {
    func ship(_ process: Process) {
        guard !process.isShipping, !process.isReoffering else { return }
        let entries = disks[process.disk].unshipped(limit: Shipment.eventsMax)
        guard !entries.isEmpty else { return lookShipped(process) }
        do {
            let shipment = try Shipment(entries)
            process.isShipping = true
            process.shipment = shipment
            process.appendToken = send(.append(shipment), from: process)
            if mutation == .marksBeforeAppend { disks[process.disk].markShipped(entries) }
        } catch {
            fail("an entry cannot be read: \(error)")
        }
    }

    func appended(
        _ process: Process,
        _ shipment: Shipment,
        _ result: Result<[AppendOutcome], LedgerError>
    ) {
        guard process.isShipping else { return }
        switch result {
        case .success(let outcomes):
            process.projector.note(EventStore.targets(shipment.hashed, outcomes))
            process.shippingPause = process.pace.succeeded(count: shipment.entries.count)
            process.appendToken = 0
            schedule(.write(.mark), on: process, within: .milliseconds(5))
        case .failure:
            process.isShipping = false
            agenda.add(.local(process.id, .ship), at: now + Moment(process.pace.failed()))
        }
    }

    /// The journal has noted it: the escrow may forget the charges.
    func marked(_ process: Process) {
        guard let shipment = process.shipment else { return }
        process.shipment = nil
        disturbedAt = now
        if mutation != .neverTellsShipped {
            for arrival in shipment.arrivals {
                drive(process, arrival.account) {
                    $0.shipped(arrival.charge, of: arrival.lease, now: $1, tenure: $2)
                }
            }
        }
        // The next batch gathers for a moment.
        let pause = process.shippingPause.map { Moment($0) } ?? 0
        agenda.add(.local(process.id, .shipNext), at: now + pause)
    }

    func shipNext(_ process: Process) {
        process.isShipping = false
        ship(process)
    }
}
