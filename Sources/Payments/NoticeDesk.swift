import Ledger
import Schema
import Synchronization

/// Answers the provider's notices, which anybody on the network can send.
///
/// What is signed is acknowledged, also when it is about nothing of ours or does not fit what was
/// asked for: sent again it would be no better. Only what could not be stored is to come again.
package final class NoticeDesk: Sendable {
    /// More than any notice that is read here.
    package static let bytesMax = 256 * 1_024

    /// How a notice ended.
    package enum End: String, CaseIterable, Sendable {
        /// It moved a balance, or ended a page.
        case done
        /// It was known before.
        case unchanged
        /// It is about nothing of ours.
        case ignored
        /// It does not fit what was asked for.
        case refused
        /// Nobody who has the secret signed it lately.
        case forged
        /// It was signed, and cannot be read.
        case unreadable
        /// The database did not take it.
        case failed

        package var status: Int {
            switch self {
            case .done, .unchanged, .ignored, .refused: 200
            case .forged, .unreadable: 400
            case .failed: 503
            }
        }
    }

    /// What a composition root may want to log.
    package enum Report: Sendable {
        case changed(TopUp)
        /// Who paid has no money back, and the credit is there again.
        case refundFailed(TopUp)
        case refused(String)
        case failed(String)
    }

    /// The path at which notices come.
    package let path: String
    private let desk: TopUpDesk
    private let now: @Sendable () -> Instant
    private let report: @Sendable (Report) -> Void
    private let tally = Mutex<[End: Int64]>([:])

    package init(
        _ desk: TopUpDesk,
        now: @escaping @Sendable () -> Instant,
        report: @escaping @Sendable (Report) -> Void = { _ in }
    ) {
        path = "/webhooks/\(desk.provider.name)"
        self.desk = desk
        self.now = now
        self.report = report
    }

    package var signatureField: String { desk.provider.signatureField }

    /// How many ended so since the start of the process.
    package func count(of end: End) -> Int64 { tally.withLock { $0[end] ?? 0 } }

    /// Takes a notice as it came: its bytes, and the field with their signature.
    package func take(_ body: [UInt8], signature: String?) async -> End {
        let end = await end(of: body, signature)
        tally.withLock { $0[end, default: 0] += 1 }
        return end
    }

    private func end(of body: [UInt8], _ signature: String?) async -> End {
        let notice: PaymentNotice?
        do throws(NoticeFault) {
            notice = try desk.provider.notice(body, signature: signature, at: now())
        } catch {
            return error == .forged ? .forged : .unreadable
        }
        guard let notice else { return .ignored }
        return await end(of: notice)
    }

    private func end(of notice: PaymentNotice) async -> End {
        do throws(LedgerError) {
            switch try await desk.take(notice) {
            case .done(let topUp):
                report(.changed(topUp))
                return .done
            case .refundFailed(let topUp):
                report(.refundFailed(topUp))
                return .done
            case .unchanged: return .unchanged
            case .unknown: return .ignored
            case .refused(let reason):
                report(.refused(reason))
                return .refused
            }
        } catch {
            report(.failed("\(error)"))
            return .failed
        }
    }
}
