import Foundation
import Ingress
import Journal
import Ledger
import Postgres
import Schema

/// `farebox ledger replay`: after a restored backup, brings back what an instance's journal keeps.
enum LedgerReplayCommand {
    static let all = [
        Command(
            words: ["ledger", "replay"],
            summary: "after a restored backup, append what an instance's journal still keeps",
            options: [
                .value("--journal", "FILE", "the journal instead of FAREBOX_JOURNAL"),
                .flag("--force", "append also what is not covered, as the operator's loss"),
                .flag("--overtaken", "of an instance that a copy of its journal has replaced"),
                .database, .json,
            ],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let settings = Settings.current
        let path = invocation["--journal"] ?? settings.journalPath
        // Opening makes a journal where there is none.
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure("there is no journal \(path)")
        }
        return try await CommandDatabase.with(invocation) { database in
            try await Migrator.verify(required: RequiredMigrations.names, in: database)
            let journal = try await open(path)
            do {
                if invocation.has("--overtaken") {
                    let report = try await overtaken(journal, database)
                    await journal.close()
                    return result(report)
                }
                let report = try await replay(
                    journal,
                    database,
                    label: settings.instanceLabel,
                    force: invocation.has("--force")
                )
                await journal.close()
                return try await result(report, database)
            } catch {
                await journal.close()
                throw error
            }
        }
    }

    private static func open(_ path: String) async throws -> Journal {
        do {
            return try await Journal.open(JournalConfiguration(path: path))
        } catch  where error.code == .inUse {
            throw CommandFailure("the journal is in use: stop its instance first")
        }
    }

    /// Registers as the journal's instance, in a new epoch, so that its restored leases can be
    /// closed and a copy of the journal is refused.
    private static func replay(
        _ journal: Journal,
        _ database: Database,
        label: String,
        force: Bool
    ) async throws -> JournalReplay.Report {
        let log = Log(least: .error, isReadable: true, clock: { SystemClock.now() })
        let service = InstanceRegistration.service(
            escrow: Escrow(),
            authority: PostgresLeaseAuthority(database),
            journal: journal,
            shipper: nil,
            label: label,
            readiness: InstanceReadiness(),
            log: log
        )
        _ = try await service.start()
        return try await JournalReplay(
            journal: journal,
            store: EventStore(database),
            lost: LostEvents(database),
            closeLeases: { try await service.closeEarlierEpochs() }
        ).run(force: force)
    }

    /// Without registering, which the journal cannot any more.
    private static func overtaken(
        _ journal: Journal,
        _ database: Database
    ) async throws -> OvertakenJournal.Report {
        let store = EventStore(database)
        return try await OvertakenJournal(
            journal: journal,
            callTime: EscrowSettings().releaseAfter,
            append: { try await store.append($0) }
        ).run(at: SystemClock.now())
    }

    // MARK: What it says

    private static func result(_ report: OvertakenJournal.Report) -> CommandResult {
        var text =
            "\(report.appended) events are appended, \(report.alreadyThere) were there;"
            + " \(report.ended) calls without an end are among them."
        if report.parked > 0 {
            text += " \(report.parked) events were parked: see farebox ledger verify."
        }
        if report.running > 0 {
            text += " \(report.running) calls may still be running: repeat this in 21 minutes."
        }
        let counts: [(String, Int)] = [
            ("appended", report.appended), ("already_there", report.alreadyThere),
            ("parked", report.parked), ("ended", report.ended), ("open_calls", report.running),
            ("unreadable", report.unreadable),
        ]
        return CommandResult(
            text: text,
            json: .object(counts.map { ($0, .integer(Int64($1))) }),
            exitCode: report.isComplete ? 0 : 1
        )
    }

    private static func result(
        _ report: JournalReplay.Report,
        _ database: Database
    ) async throws -> CommandResult {
        let accounts = try await Accounts(database).list()
        let slugs = Dictionary(
            accounts.map { ($0.id, $0.slug) },
            uniquingKeysWith: { first, _ in first }
        )
        let refused = report.refused.sorted { $0.key < $1.key }.map { account, refused in
            (slugs[account] ?? account.description, refused)
        }
        return CommandResult(
            text: text(report, refused),
            json: node(report, refused),
            exitCode: report.isComplete ? 0 : 1
        )
    }

    private static func text(
        _ report: JournalReplay.Report,
        _ refused: [(account: String, refused: JournalReplay.Refused)]
    ) -> String {
        var lines = [
            "The journal keeps \(report.kept) shipped events: \(report.appended) were missing and"
                + " are appended, \(report.alreadyThere) were there. \(report.closedLeases) leases"
                + " of earlier starts are closed."
        ]
        if report.uncovered > .zero {
            lines.append(
                "\(report.uncovered) of what the calls cost is not covered any more: excess."
            )
        }
        if report.late > 0 {
            lines.append(
                "\(report.late) of the calls came too long after their month was closed, and are"
                    + " not charged."
            )
        }
        if report.parked > 0 {
            lines.append("\(report.parked) events were parked: see farebox ledger verify.")
        }
        if report.unreadable > 0 {
            lines.append("\(report.unreadable) entries of the journal are no events.")
        }
        lines += refused.map { account, refused in
            switch refused.reason {
            case .unknownAccount:
                "\(account): \(refused.count) events of an account that this database does not"
                    + " know: the backup is older than the account."
            case .notCovered(let needed, let free):
                "\(account): \(refused.count) calls need \(needed), and \(free) is free. Repeat the"
                    + " grants made since the backup, replay or release the instances that still"
                    + " hold leases, and replay again; --force appends them as they are."
            }
        }
        if report.unshipped > 0 || report.openCalls > 0 {
            lines.append(
                "The next start of the instance ships \(report.unshipped) events and ends"
                    + " \(report.openCalls) calls."
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func node(
        _ report: JournalReplay.Report,
        _ refused: [(account: String, refused: JournalReplay.Refused)]
    ) -> JSONNode {
        let nodes = refused.map { account, refused in
            var fields: [(String, JSONNode)] = [
                ("account", .text(account)), ("events", .integer(Int64(refused.count))),
            ]
            switch refused.reason {
            case .unknownAccount: fields.append(("reason", .text("unknown_account")))
            case .notCovered(let needed, let free):
                fields += [
                    ("reason", .text("not_covered")), ("needed", .text(needed.description)),
                    ("free", .text(free.description)),
                ]
            }
            return JSONNode.object(fields)
        }
        let counts: [(String, Int)] = [
            ("kept", report.kept), ("appended", report.appended),
            ("already_there", report.alreadyThere), ("late", report.late),
            ("parked", report.parked), ("unreadable", report.unreadable),
            ("leases_closed", report.closedLeases),
            ("unshipped", report.unshipped), ("open_calls", report.openCalls),
        ]
        return .object(
            counts.map { ($0, JSONNode.integer(Int64($1))) } + [
                ("charged", .text(report.charged.description)),
                ("uncovered", .text(report.uncovered.description)), ("refused", .array(nodes)),
            ]
        )
    }
}
