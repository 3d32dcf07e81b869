import Postgres
import Testing

@testable import Ledger

/// What a caller is told when the database refuses: never the database's own words.
@Suite struct DatabaseWordsTests {
    @Test(
        arguments: [
            ("23505", .conflict), ("23503", .refused), ("23514", .refused), ("23502", .refused),
            ("22003", .refused), ("22001", .refused), ("23001", .refused), ("P0001", .refused),
            ("42P01", .corrupt), ("57014", .unavailable), ("53300", .unavailable),
        ] as [(String, LedgerError.Code)]
    )
    func `a refusal is told in words of our own`(state: String, code: LedgerError.Code) {
        let said = "value 99 of account_heads violates the constraint heads_balance"
        let error = LedgerError(wrapping: PostgresError(.server(SQLState(state)), said))
        #expect(error.code == code)
        for word in ["99", "account_heads", "constraint", "SQLSTATE", state] {
            #expect(!error.message.contains(word), "\(error.message)")
        }
        #expect(error.cause?.contains(said) == true && error.description.contains(said))
    }

    @Test(arguments: [.connectFailed, .commitOutcomeUnknown, .decoding] as [PostgresError.Code])
    func `so is what went wrong on the way to it`(code: PostgresError.Code) {
        let error = LedgerError(wrapping: PostgresError(code, "host 10.0.0.1 port 5432"))
        #expect(!error.message.contains("10.0.0.1") && error.cause?.contains("10.0.0.1") == true)
    }
}
