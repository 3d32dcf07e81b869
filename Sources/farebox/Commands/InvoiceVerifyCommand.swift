import Billing
import Ledger
import Schema

/// `farebox invoice verify`: finalized documents, made again and compared.
enum InvoiceVerifyCommand {
    static let all = [
        Command(
            words: ["invoice", "verify"],
            summary: "make a finalized document again from its events, and say what differs",
            arguments: ["[NUMBER]"],
            options: [
                .flag("--all", "every finalized document, instead of one"),
                .database, .json,
            ],
            run: run
        )
    ]

    /// Differences of a document that are shown to people; programs get them all.
    private static let shownMax = 20

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let number = invocation.optionalArgument(0)
        let start = SystemClock.now()
        guard (number == nil) == invocation.has("--all") else {
            throw UsageError("give the number of a document, or --all")
        }
        return try await CommandDatabase.with(invocation) { database in
            let report = try await verify(number, Invoices(database))
            await VerificationRun(
                .documents,
                scope: number,
                from: start,
                to: SystemClock.now(),
                checked: Int64(report.documents),
                findings: report.wrong.map { "\($0.number) is not what the events make of it" },
                findingCount: Int64(report.wrong.count)
            ).record(in: database)
            return CommandResult(
                text: text(report),
                json: node(report),
                exitCode: report.wrong.isEmpty ? 0 : 1
            )
        }
    }

    private static func verify(
        _ number: String?,
        _ invoices: Invoices
    ) async throws -> Invoices.VerificationReport {
        guard let number else { return try await invoices.verifyAll() }
        var report = Invoices.VerificationReport()
        report.add(try await invoices.verify(number))
        return report
    }

    private static func text(_ report: Invoices.VerificationReport) -> String {
        guard !report.wrong.isEmpty else {
            return "\(documents(report.documents)) verified: made again of the events, to the byte."
        }
        let last =
            "\(report.wrong.count) of \(documents(report.documents)) not what the events make of it."
        return (report.wrong.flatMap(lines) + [last]).joined(separator: "\n")
    }

    private static func documents(_ count: Int) -> String {
        count == 1 ? "1 document" : "\(count) documents"
    }

    private static func lines(_ verdict: DocumentVerdict) -> [String] {
        var lines = verdict.differences.prefix(shownMax).map { difference in
            "\(verdict.number)  \(difference.place): stored \(difference.stored ?? "nothing"),"
                + " recomputed \(difference.recomputed ?? "nothing")"
        }
        let more = verdict.differences.count - lines.count
        if more > 0 { lines.append("\(verdict.number)  and \(more) more: --json has them all") }
        if let failure = verdict.failure {
            lines.append("\(verdict.number)  \(failure)")
        }
        return lines
    }

    private static func node(_ report: Invoices.VerificationReport) -> JSONNode {
        let findings = report.wrong.flatMap(findings)
        return .object([
            ("ok", .flag(report.wrong.isEmpty)),
            ("documents", .integer(Int64(report.documents))),
            ("finding_count", .integer(Int64(findings.count))), ("findings", .array(findings)),
        ])
    }

    private static func findings(_ verdict: DocumentVerdict) -> [JSONNode] {
        func finding(_ difference: DocumentDifference?, _ message: String) -> JSONNode {
            .object([
                ("number", .text(verdict.number)), ("place", .optional(difference?.place)),
                ("stored", .optional(difference?.stored)),
                ("recomputed", .optional(difference?.recomputed)), ("message", .text(message)),
            ])
        }
        return verdict.differences.map { finding($0, "differs") }
            + (verdict.failure.map { [finding(nil, $0)] } ?? [])
    }
}
