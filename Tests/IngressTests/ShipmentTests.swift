import Foundation
import Journal
import Ledger
import Schema
import Testing

@testable import Ingress

@Suite struct ShipmentTests {
    private static let now = Instant(microseconds: 1_900_000_000_000_000)

    @Test(arguments: [1, Shipment.eventsMax + 1])
    func `events behind entries that nobody can read are shipped`(unreadable: Int) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "shipment-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let journal = try await Journal.open(
            JournalConfiguration(path: folder.appending(path: "journal").path)
        )
        for number in 0..<unreadable {
            try await settle(EntryID(high: 1, low: UInt64(number)), [0xff, 0x00], in: journal)
        }
        let event = Event(
            account: AccountID(high: 1, low: 1),
            id: EventID(high: 9, low: 9),
            occurredAt: Self.now,
            body: .creditAdjusted(CreditAdjusted(amount: Pico(1), reason: "test"))
        )
        try await settle(EntryID(event.id), EventEncoding.encode(event), in: journal)

        let next = try await Shipment.next(of: journal)
        #expect(next.shipment.events == [event])
        #expect(next.unreadable.count == unreadable)
        try await journal.markShipped(next.shipment.entries)
        let rest = try await Shipment.next(of: journal)
        #expect(rest.shipment.entries.isEmpty)
        #expect(rest.unreadable.map(\.id) == next.unreadable.map(\.id))
        #expect(journal.depth.unshippedCount == unreadable)
        await journal.close()
    }

    private func settle(_ id: EntryID, _ payload: [UInt8], in journal: Journal) async throws {
        try await journal.enter(id, payload)
        try await journal.settle(id, payload)
    }
}
