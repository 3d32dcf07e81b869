import Ledger
import Postgres
import Schema

/// Has endpoints of all accounts told that a verification found something.
struct VerificationAlert: Sendable {
    enum Check: String {
        case ledger
        case documents
    }

    private static let examplesMax = 5

    let check: Check
    let findingCount: Int
    let examples: [String]

    /// Writes the alert, if anything was found.
    ///
    /// A failure is only said: the verdict matters more, and the database may be a copy that is
    /// only read.
    func tell(in database: Database) async {
        guard findingCount > 0 else { return }
        let alert = Alert(
            .verificationFailed,
            of: nil,
            at: SystemClock.now(),
            data: [
                ("check", .text(check.rawValue)), ("finding_count", .integer(Int64(findingCount))),
                ("examples", .array(examples.prefix(Self.examplesMax).map(JSONNode.text))),
            ]
        )
        do {
            try await AlertOutbox.write([alert], in: database)
        } catch {
            complain("nobody is told of it by webhook: \(error)")
        }
    }
}
