import Foundation
import Ledger
import Schema
import Synchronization

/// `farebox ledger verify`: the proof that the ledger holds, or what in it does not.
enum VerifyCommand {
    static let all = [
        Command(
            words: ["ledger", "verify"],
            summary: "check every invariant, event and seal, and name what does not hold",
            options: [
                .value("--account", "SLUG", "one account instead of all"),
                .value("--pins", "FILE", "seals kept outside: lines of ledger seals --json"),
                .database, .json,
            ],
            run: run
        )
    ]

    /// What `ledger verify` does not check, and who does.
    private static let elsewhere =
        "Not checked here: projections of events (ledger rebuild --check), and documents (invoice"
        + " verify --all)."

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let pins = try invocation["--pins"].map(SealPinFile.read) ?? []
        let start = SystemClock.now()
        return try await CommandDatabase.with(invocation) { database in
            let accounts = try await Accounts(database).list()
            let slugs = Dictionary(
                accounts.map { ($0.id, $0.slug) },
                uniquingKeysWith: { first, _ in first }
            )
            var account: AccountID?
            if let slug = invocation["--account"] {
                account = try await Accounts(database).show(slug).id
            }
            let display = VerifyProgress(isQuiet: invocation.isJSON)
            let report = try await Verification(database).run(account: account, pins: pins) {
                display.show($0)
            }
            display.end()
            let findings = report.findings.map { finding -> (Verification.Finding, String) in
                (finding, slugs[finding.account] ?? finding.account.description)
            }
            await VerificationRun(
                .ledger,
                scope: invocation["--account"],
                from: start,
                to: SystemClock.now(),
                checked: report.events,
                findings: findings.map { finding, slug in
                    "\(finding.invariant) \(slug): \(finding.message)"
                },
                findingCount: Int64(report.findingCount)
            ).record(in: database)
            return CommandResult(
                text: text(report, findings, pinCount: pins.count),
                json: node(report, findings, pinCount: pins.count),
                exitCode: report.isOK ? 0 : 1
            )
        }
    }

    private static func text(
        _ report: Verification.Report,
        _ findings: [(Verification.Finding, String)],
        pinCount: Int
    ) -> String {
        let scope =
            "\(report.accounts) accounts, \(report.events) events, \(report.sealedEvents) of them"
            + " under \(report.seals) seals, \(pinCount) pins"
        guard !report.isOK else { return "Every invariant holds: \(scope).\n\(elsewhere)" }
        let lines = findings.map { finding, slug in
            let place = finding.version.map { "\(slug) at version \($0)" } ?? slug
            return "\(finding.invariant)  \(place): \(finding.message)"
        }
        return (lines + ["\(report.findingCount) findings in \(scope)."]).joined(separator: "\n")
    }

    private static func node(
        _ report: Verification.Report,
        _ findings: [(Verification.Finding, String)],
        pinCount: Int
    ) -> JSONNode {
        let nodes = findings.map { finding, slug in
            JSONNode.object([
                ("account", .text(slug)),
                ("version", finding.version.map(JSONNode.integer) ?? .null),
                ("invariant", .text(finding.invariant)), ("message", .text(finding.message)),
            ])
        }
        return .object([
            ("ok", .flag(report.isOK)), ("accounts", .integer(report.accounts)),
            ("events", .integer(report.events)), ("seals", .integer(report.seals)),
            ("sealed_events", .integer(report.sealedEvents)),
            ("pins", .integer(Int64(pinCount))),
            ("finding_count", .integer(Int64(report.findingCount))), ("findings", .array(nodes)),
        ])
    }
}

/// Shows on standard error how far the verification is, so that the result alone is the output:
/// one line that changes on a terminal, a line now and then elsewhere.
private final class VerifyProgress: Sendable {
    private let isQuiet: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private let lastShown = Mutex(ContinuousClock.now)

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    func show(_ progress: Verification.Progress) {
        guard !isQuiet, isDue() else { return }
        let seconds = max(1, start.duration(to: .now).components.seconds)
        let percent = min(100, progress.done * 100 / max(1, progress.total))
        let line =
            "verified \(percent) %: \(progress.done) of \(progress.total) events,"
            + " \(progress.done / seconds) a second"
        if isTerminal {
            FileHandle.standardError.write(Data("\r\u{1b}[K\(line)".utf8))
        } else {
            complain(line)
        }
    }

    /// Wipes the line.
    func end() {
        guard !isQuiet, isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1b}[K".utf8))
    }

    private func isDue() -> Bool {
        let interval = isTerminal ? Duration.milliseconds(200) : .seconds(5)
        return lastShown.withLock { last in
            guard last.duration(to: .now) >= interval else { return false }
            last = .now
            return true
        }
    }
}
