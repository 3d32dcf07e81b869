import Ledger
import Schema

/// How a hold that began with a slice of its output grows while the answer comes.
package struct HoldGrowth: Sendable {
    /// How much output is held at a time.
    package let sliceTokens: Int64
    private let quote: Quote
    private let account: AccountID
    private let caps: [SpendCap]
    private let waitMax: Duration

    /// Nil when the call's first hold covers its whole cap.
    init?(_ quote: Quote, _ request: AdmissionRequest) {
        guard let slice = request.sliceTokens, max(slice, quote.outputCapLeast) < quote.outputCap
        else { return nil }
        sliceTokens = slice
        self.quote = quote
        account = request.account
        caps = request.caps
        waitMax = request.waitMax
    }

    /// The output of each choice that a hold pays for.
    func covered(by hold: EscrowHold) -> Int64 { quote.coveredCap(hold.amount) }

    /// What pays for so much output of each choice, up to the cap.
    func amount(covering tokens: Int64) -> Pico { quote.hold(outputCap: tokens) }

    /// What to ask for besides what is held.
    func request(
        raising hold: EscrowHold,
        toCover tokens: Int64,
        ahead: Int64,
        _ admittedAt: Instant
    ) -> EscrowRequest {
        let least = max(amount(covering: tokens) - hold.amount, Pico(1))
        return EscrowRequest(
            account,
            want: max(amount(covering: tokens + ahead) - hold.amount, least),
            least: least,
            waitMax: waitMax,
            caps: caps,
            admittedAt: admittedAt
        )
    }
}
