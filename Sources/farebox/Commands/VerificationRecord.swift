import Ledger
import Postgres
import Schema

extension VerificationRun {
    /// Writes the run down, and has endpoints told of what it found.
    ///
    /// A failure is only said: the verdict matters more, and the database may be a copy that is
    /// only read.
    func record(in database: Database) async {
        do {
            try await VerificationRuns(database).record(self)
        } catch {
            complain("the result is not kept, and nobody is told of it by webhook: \(error)")
        }
    }
}
