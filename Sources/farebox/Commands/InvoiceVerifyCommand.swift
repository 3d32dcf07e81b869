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
            let invoices = Invoices(database)
            let numbers: [String]
            if let number { numbers = [number] } else { numbers = try await invoices.numbers() }
            var verdicts: [DocumentVerdict] = []
            for number in numbers { verdicts.append(try await invoices.verify(number)) }
            let wrong = verdicts.filter { !$0.isOK }
            await VerificationRun(
                .documents,
                scope: number,
                from: start,
                to: SystemClock.now(),
                checked: Int64(verdicts.count),
                findings: wrong.map { "\($0.number) is not what the events make of it" },
                findingCount: Int64(wrong.count)
            ).record(in: database)
            return CommandResult(
                text: text(verdicts),
                json: node(verdicts),
                exitCode: verdicts.allSatisfy(\.isOK) ? 0 : 1
            )
        }
    }

    private static func text(_ verdicts: [DocumentVerdict]) -> String {
        let wrong = verdicts.filter { !$0.isOK }
        guard !wrong.isEmpty else {
            return "\(documents(verdicts.count)) verified: made again of the events, to the byte."
        }
        let last = "\(wrong.count) of \(documents(verdicts.count)) not what the events make of it."
        return (wrong.flatMap(lines) + [last]).joined(separator: "\n")
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
            lines.append("\(verdict.number)  cannot be made again: \(failure)")
        }
        return lines
    }

    private static func node(_ verdicts: [DocumentVerdict]) -> JSONNode {
        let findings = verdicts.flatMap(findings)
        return .object([
            ("ok", .flag(verdicts.allSatisfy(\.isOK))),
            ("documents", .integer(Int64(verdicts.count))),
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
