import Schema
import Testing

@testable import Billing

@Suite struct CSVExportTests {
    @Test func `every line is a record whose amounts sum to the subtotal`() throws {
        let invoice = SampleInvoice.make()
        let records = LinesCSV(invoice).text.split(separator: "\r\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        let names = try #require(records.first)
        let amount = try #require(names.firstIndex(of: "amount"))
        let sum = records.dropFirst().reduce(Pico.zero) { sum, record in
            sum + (Pico(String(record[amount])) ?? .zero)
        }
        #expect(records.count == invoice.lines.count + 1)
        #expect(sum == invoice.totals.subtotal.pico(in: .usd))
    }

    @Test func `every call is a record, and what is no call is none`() throws {
        var csv = CallsCSV(currency: .usd, projects: [:])
        csv.append(Self.call(charge: 37_500))
        csv.append(
            RecordedEvent(
                version: 2,
                recordedAt: Instant(microseconds: 0),
                amount: Pico(1),
                excess: .zero,
                event: Event(
                    account: AccountID(high: 0, low: 1),
                    id: EventID(high: 0, low: 3),
                    occurredAt: Instant(microseconds: 0),
                    body: .creditAdjusted(CreditAdjusted(amount: Pico(1), reason: "why"))
                )
            )
        )
        let records = csv.text.split(separator: "\r\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        #expect(records.count == 2)
        let (names, call) = (try #require(records.first), try #require(records.last))
        #expect(names.count == call.count)
        let values = Dictionary(uniqueKeysWithValues: zip(names, call))
        #expect(values["amount"] == "0.0000000375")
        #expect(values["output_tokens"] == "5")
        #expect(values["model"] == "a-model")
        #expect(values["currency"] == "USD")
    }

    private static func call(charge: Int128) -> RecordedEvent {
        var usage = Usage(
            request: RequestID(high: 0, low: 7),
            lease: nil,
            key: KeyID(high: 0, low: 8),
            project: ProjectID(high: 0, low: 9),
            admittedAt: Instant(microseconds: 0),
            model: "a-model",
            upstream: "demo",
            upstreamModel: "a-model",
            endpoint: .messages,
            isStreamed: false,
            priceVersion: PriceVersion(1),
            hold: Pico(charge)
        )
        usage.tokens.output = 5
        usage.charge = Pico(charge)
        return RecordedEvent(
            version: 1,
            recordedAt: Instant(microseconds: 0),
            amount: Pico(-charge),
            excess: .zero,
            event: Event(
                account: AccountID(high: 0, low: 1),
                id: EventID(high: 0, low: 2),
                occurredAt: Instant(microseconds: 0),
                body: .usage(usage)
            )
        )
    }
}
