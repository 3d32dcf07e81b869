import Billing
import Curl
import EventLoop
import Ledger
import Schema

/// Stripe: Checkout sessions, payment intents, and its signed events.
package struct StripeProvider: PaymentProvider {
    static let providerName = PaymentSettings.Provider.stripe.rawValue
    /// More than any of its objects that are read here.
    private static let answerBytesMax = 1 << 20

    package let name = StripeProvider.providerName
    package let pageOrigin: String
    package let signatureField = "stripe-signature"
    private let requests: StripeRequests
    private let webhookSecrets: [Secret]
    private let loop: EventLoop
    private let curl: LoopBound<CurlClient>

    /// - Parameters:
    ///   - loop: on which requests run.
    ///   - curl: the client of that loop.
    package init(_ settings: PaymentSettings, loop: EventLoop, curl: LoopBound<CurlClient>) {
        requests = StripeRequests(baseURL: settings.baseURL, key: settings.secretKey)
        pageOrigin = settings.pageOrigin
        webhookSecrets = settings.webhookSecrets
        self.loop = loop
        self.curl = curl
    }

    package func open(
        _ order: PaymentOrder,
        attempt: Int
    ) async throws(PaymentError) -> TopUp.Page {
        let session = try await answer(to: requests.open(order, attempt: attempt))
        guard let page = StripeObjects.page(session) else { throw Self.unreadable }
        return page
    }

    package func page(_ id: String) async throws(PaymentError) -> PageStanding {
        let session = try await answer(to: requests.page(id))
        guard let standing = StripeObjects.standing(ofPage: session) else { throw Self.unreadable }
        return standing
    }

    package func payment(_ id: String) async throws(PaymentError) -> PaymentStanding {
        let intent = try await answer(to: requests.payment(id))
        guard let charge = intent["latest_charge"],
            var standing = StripeObjects.standing(ofCharge: charge, payment: id)
        else { throw Self.unreadable }
        // Asked for whatever the charge says: one that failed leaves no trace on it.
        try await add(requests.refunds(of: id), to: &standing) { refund in
            StripeObjects.standing(ofRefund: refund, payment: id)
        }
        // Asked for only when there is one: they are a request more, and rare.
        guard charge["disputed"] == .bool(true) else { return standing }
        try await add(requests.disputes(of: id), to: &standing) { dispute in
            StripeObjects.standing(ofDispute: dispute, payment: id)
        }
        return standing
    }

    /// Adds what a list has; each of it must be of the payment's currency.
    private func add(
        _ request: CurlRequest,
        to standing: inout PaymentStanding,
        _ read: (JSONTree) -> PaymentStanding?
    ) async throws(PaymentError) {
        let list = try await answer(to: request)
        guard case .array(let objects) = list["data"], list["has_more"] != .bool(true) else {
            throw Self.unreadable
        }
        for object in objects {
            guard let told = read(object), told.currency == standing.currency else {
                throw Self.unreadable
            }
            standing.clawbacks += told.clawbacks
        }
    }

    package func notice(
        _ body: [UInt8],
        signature: String?,
        at instant: Instant
    ) throws(NoticeFault) -> PaymentNotice? {
        let isGenuine = StripeSignature.isValid(
            signature,
            of: body,
            secrets: webhookSecrets,
            at: instant
        )
        guard isGenuine else { throw .forged }
        return try StripeNotice.read(body)
    }

    private static let unreadable = PaymentError(.refused, "Stripe's answer cannot be read")

    private func answer(to request: CurlRequest) async throws(PaymentError) -> JSONTree {
        let curl = curl
        // Not a child of the caller's task: what was asked for may have happened, whoever waits.
        let received = await Task(executorPreference: loop) {
            await Self.receive(request, by: curl)
        }.value
        let (status, bytes) = try received.get()
        guard let tree = try? JSONTree(parsing: bytes) else {
            throw PaymentError(
                status >= 500 ? .failed : .refused,
                "Stripe answered \(status), and no JSON"
            )
        }
        guard (200...299).contains(status) else { throw Self.refusal(status, tree) }
        return tree
    }

    /// What Stripe says for machines; its sentences may quote what was sent.
    private static func refusal(_ status: Int, _ tree: JSONTree) -> PaymentError {
        let error = tree["error"]
        let words = [error?["type"], error?["code"], error?["param"]]
            .compactMap { StripeObjects.name($0) }
        // 409: the same key is being answered to somebody else.
        let isBusy = status == 429 || status == 409
        return PaymentError(
            status >= 500 ? .failed : isBusy ? .unavailable : .refused,
            (["Stripe answered \(status)"] + words).joined(separator: ", ")
        )
    }

    private static func receive(
        _ request: CurlRequest,
        by curl: LoopBound<CurlClient>
    ) async -> Result<(status: Int, bytes: [UInt8]), PaymentError> {
        do throws(CurlError) {
            let response = try await curl.value.send(request)
            guard let bytes = try await read(response) else {
                return .failure(PaymentError(.refused, "Stripe's answer is too large"))
            }
            return .success((response.status, bytes))
        } catch {
            return .failure(PaymentError(.unavailable, "Stripe cannot be reached: \(error)"))
        }
    }

    /// The whole body; nil for one that is larger than any that is read here.
    private static func read(_ response: CurlResponse) async throws(CurlError) -> [UInt8]? {
        var bytes: [UInt8] = []
        while let piece = try await response.next() {
            bytes += piece
            if bytes.count > answerBytesMax {
                response.cancel()
                return nil
            }
        }
        return bytes
    }
}
