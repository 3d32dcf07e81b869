import Ledger
import Postgres
import Schema

/// Finalizes the receipts that an account's paid grants lack, in one transaction that its caller
/// begins and commits.
///
/// The head is locked to the commit, so two who issue come one after the other, and the second
/// finds nothing left. What a document is missing for is read from the documents themselves:
/// whatever step a process dies at, the same again does what is left.
struct IssueReceipts {
    /// Receipts of one transaction: calls wait for the head's lock meanwhile.
    static let batch = 100

    let session: Session
    let now: Instant

    /// The receipts of the oldest grants without; fewer than a batch when none is left.
    func run(_ slug: String) throws -> [StoredDocument] {
        let account = try AccountSummary.lock(slug: slug, session)
        guard let profile = try BillingProfile.read(account.id, session),
            let issuer = try Issuer.read(profile.issuer, session)
        else {
            throw LedgerError(.refused, "no billing details: farebox account billing \(slug)")
        }
        let seal = try DocumentSeals.last(of: account.id, upTo: account.version, session)
        let grants = try PaidGrant.withoutReceipt(of: account, limit: Int64(Self.batch), session)
        return try grants.map { grant in
            let tax = try TaxRule.inForce(account.id, at: grant.taxedAt, session)
            var draft = try InvoiceDocument(
                receiptOf: grant,
                to: account,
                issuer: issuer.party,
                customer: profile.party,
                tax: tax
            )
            draft.seals = seal.map { [$0] } ?? []
            let basis = FinalizeDocument.Basis(
                issuer: issuer,
                profile: profile.revision,
                tax: tax?.revision,
                grant: grant.id
            )
            return try FinalizeDocument(session: session, now: now)
                .run(draft, of: account, on: basis)
        }
    }
}

extension Invoices {
    /// Finalizes the receipts that an account lacks; the same again changes nothing.
    ///
    /// - Returns: those of this run.
    package func issueReceipts(
        _ slug: String,
        at now: Instant
    ) async throws(LedgerError) -> [StoredDocument] {
        var issued: [StoredDocument] = []
        while true {
            let batch = try await database.ledgerCommand { session in
                try IssueReceipts(session: session, now: now).run(slug)
            }
            issued += batch
            if batch.count < IssueReceipts.batch { return issued }
        }
    }

    /// Finalizes the receipts of all accounts that have billing details; one that fails stops no
    /// other, and the same again does what is left.
    package func issueAllReceipts(at now: Instant) async throws(LedgerError) -> CloseReport {
        let slugs = try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT slug FROM accounts
                WHERE \(PaidGrant.accountLacksReceipt) ORDER BY slug
                """
            ).map { try $0.get("slug", as: String.self) }
        }
        var report = CloseReport()
        for slug in slugs {
            do throws(LedgerError) {
                report.documents += try await issueReceipts(slug, at: now)
            } catch {
                report.failures.append((slug, error))
            }
        }
        return report
    }
}
