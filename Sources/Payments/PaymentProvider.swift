import Ledger
import Schema

/// A company that takes money from customers, in Farebox's own words.
///
/// It shows a page on which somebody pays, tells of what happened by signed notices, and answers
/// when it is asked. Whatever it says is compared with what was asked for before it moves a
/// balance.
package protocol PaymentProvider: Sendable {
    /// What top-ups record, and what the path of its notices ends with.
    var name: String { get }
    /// The scheme, host and port of its pages, to which forms of the console may lead.
    var pageOrigin: String { get }
    /// The field that carries a notice's signature, in lower case.
    var signatureField: String { get }

    /// Makes the page of an order; the same order again is the same page.
    ///
    /// - Parameter attempt: another one than before only when that has failed: nobody has seen what
    ///   came of it then, so nobody can pay there.
    func open(_ order: PaymentOrder, attempt: Int) async throws(PaymentError) -> TopUp.Page
    /// What became of a page.
    func page(_ id: String) async throws(PaymentError) -> PageStanding
    /// What became of a payment.
    func payment(_ id: String) async throws(PaymentError) -> PaymentStanding
    /// Reads a notice; nil for one that is about nothing of ours.
    func notice(
        _ body: [UInt8],
        signature: String?,
        at instant: Instant
    ) throws(NoticeFault) -> PaymentNotice?
}

/// What somebody is to pay.
package struct PaymentOrder: Hashable, Sendable {
    package var reference: TopUpReference
    /// With tax.
    package var total: Pico
    package var currency: Currency
    /// What the page says is bought.
    package var title: String
    package var expiresAt: Instant
    /// Where the page leads, once it was paid, or was left.
    package var paidURL: String
    package var leftURL: String

    package init(
        reference: TopUpReference,
        total: Pico,
        currency: Currency,
        title: String,
        expiresAt: Instant,
        paidURL: String,
        leftURL: String
    ) {
        self.reference = reference
        self.total = total
        self.currency = currency
        self.title = title
        self.expiresAt = expiresAt
        self.paidURL = paidURL
        self.leftURL = leftURL
    }
}

/// What became of a page.
package enum PageStanding: Hashable, Sendable {
    case open
    case paid(ReceivedPayment)
    case expired
}

/// What a provider tells by itself.
package enum PaymentNotice: Hashable, Sendable {
    case paid(ReceivedPayment)
    /// A page ended and nobody had paid.
    case expired(TopUpReference, page: String)
    case standing(PaymentStanding)
    /// Something became of a payment; what it was only asking tells.
    case changed(payment: String)
}

/// Why a provider did not do what it was asked.
package struct PaymentError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// It cannot be reached, or has no time: the same attempt may go better.
        case unavailable
        /// It says that it failed, and will say so of the same attempt: another may go better.
        case failed
        /// It refuses, or its answer cannot be read.
        case refused
    }

    package let code: Code
    /// Whether the same order may simply be sent again.
    package var isRetrySafe: Bool { code != .refused }
    /// Words without secrets, for the log and for operators.
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// Why a notice is not believed.
package enum NoticeFault: Error, Hashable, Sendable {
    /// Nobody who has the secret signed it, or too long ago.
    case forged
    /// It was signed, and cannot be read.
    case unreadable
}
