import Foundation
import Ledger
import Postgres
import Schema

/// Whom an account's documents are for.
package struct BillingProfile: Hashable, Sendable {
    package internal(set) var revision: Int64 = 0
    package let issuer: String
    package let party: DocumentParty
}

extension BillingProfile: Revised {
    static let table: SQL = "billing_profiles"
    static let ownerColumn: SQL = "account_id"

    init(_ row: Row) throws {
        revision = try row.get("revision")
        issuer = try row.get("issuer")
        party = try DocumentParty(stored: row.get("party"))
    }

    func insert(of owner: AccountID, at now: Instant, _ session: Session) throws {
        _ = try session.execute(
            """
            INSERT INTO billing_profiles (account_id, revision, issuer, party, created_at)
            VALUES (\(owner), \(revision), \(issuer), \(try party.stored()), \(now))
            """
        )
    }
}

extension DocumentParty {
    init(stored text: String) throws(LedgerError) {
        guard let party = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else {
            throw LedgerError(.corrupt, "a party cannot be read")
        }
        self = party
    }

    func stored() throws(LedgerError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(self) else {
            throw LedgerError(.invalid, "the party cannot be written")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
