import Billing
import Foundation
import Schema
import Shapes

/// `farebox price …`: publishing price versions, and looking at them.
enum PriceCommands {
    static let all = [
        Command(
            words: ["price", "import"],
            summary: "publish a price file as a new, immutable version",
            arguments: ["FILE"],
            options: [
                .value("--format", "litellm|farebox", "the file's format instead of a guess"),
                .value("--effective", "DATE", "when it takes effect; by default as soon as it may"),
                .flag("--dry-run", "show what would change, and change nothing"),
                .flag(
                    "--force",
                    "accept prices that move a thousandfold, or that a later version replaces"
                ),
                .database, .json,
            ],
            run: publish
        ),
        Command(
            words: ["price", "list"],
            summary: "show the price versions, or what models cost",
            options: [
                .value("--model", "GLOB", "the prices of these models instead of the versions"),
                .value("--at", "DATE", "the prices in force then instead of now"),
                .value("--currency", "USD", "the currency of the prices"),
                .value("--plan", "NAME", "what accounts with this plan pay"),
                .database, .json,
            ],
            run: list
        ),
        Command(
            words: ["price", "diff"],
            summary: "show what one price version says other than another",
            arguments: ["FROM", "TO"],
            options: [.database, .json],
            run: diff
        ),
        Command(
            words: ["price", "preview"],
            summary: "show what a month's calls would have cost by a version, account by account",
            arguments: ["VERSION"],
            options: [
                .value("--month", "YYYY-MM", "the month whose calls are rated anew"),
                .database, .json,
            ],
            run: preview
        ),
    ]

    // MARK: preview and diff

    private static func preview(_ invocation: Invocation) async throws -> CommandResult {
        let version = try version(invocation, 0, named: "VERSION")
        guard let text = invocation["--month"] else { throw UsageError("--month is missing") }
        guard let month = Month(text) else {
            throw UsageError("--month must be a month such as 2026-10, not \"\(text)\"")
        }
        return try await CommandDatabase.with(invocation) { database in
            let preview = try await PriceBook(database).preview(version, month: month)
            return PreviewText(preview: preview).result
        }
    }

    private static func diff(_ invocation: Invocation) async throws -> CommandResult {
        let from = try version(invocation, 0, named: "FROM")
        let to = try version(invocation, 1, named: "TO")
        return try await CommandDatabase.with(invocation) { database in
            let comparison = try await PriceBook(database).compare(from, to)
            return CommandResult(
                text: PriceDiffText.lines(comparison.diff).joined(separator: "\n"),
                json: .comparison(comparison)
            )
        }
    }

    private static func version(
        _ invocation: Invocation,
        _ index: Int,
        named name: String
    ) throws -> PriceVersion {
        guard let number = Int64(invocation.argument(index)), number > 0 else {
            throw UsageError("\(name) must be a number of farebox price list")
        }
        return PriceVersion(number)
    }

    // MARK: import

    private static func publish(_ invocation: Invocation) async throws -> CommandResult {
        let file = try PriceFile.read(invocation.argument(0), format: invocation["--format"])
        let effective = try invocation.instant(option: "--effective")
        let isDry = invocation.has("--dry-run")
        return try await CommandDatabase.with(invocation) { database in
            let book = PriceBook(database)
            let publication =
                isDry
                ? try await book.preview(file.sheet, effectiveAt: effective)
                : try await book.publish(
                    file.sheet,
                    effectiveAt: effective,
                    isForced: invocation.has("--force")
                )
            return CommandResult(
                text: text(publication, file, isDry: isDry),
                json: .publication(publication, of: file, isDry: isDry)
            )
        }
    }

    private static func text(
        _ publication: PricePublication,
        _ file: PriceFile,
        isDry: Bool
    ) -> String {
        let header = publication.header
        var lines = file.reportLines
        switch publication.outcome {
        case .unchanged:
            lines.append("Nothing to do: version \(header.version) says the same.")
        case .published:
            lines += PriceDiffText.lines(publication.diff)
            let verb = isDry ? "would be published" : "is published"
            lines.append(
                "Version \(header.version) \(verb) with \(file.sheet.models.count) models in"
                    + " \(header.currency), effective \(header.effectiveAt)."
            )
            if isDry, !publication.jumps.isEmpty {
                lines.append(PriceDiffText.needsForce)
                lines += publication.jumps.map { "! \($0)" }
            }
            if isDry, let later = publication.takenOverBy {
                lines.append("It would need --force: \(PriceBookError.overlaps(later))")
            }
        }
        return lines.joined(separator: "\n")
    }

    // MARK: list

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        let at = try invocation.instant(option: "--at")
        return try await CommandDatabase.with(invocation) { database in
            let book = PriceBook(database)
            guard let glob = invocation["--model"] else {
                return versions(try await book.list())
            }
            guard let pattern = ModelPattern(glob) else {
                throw UsageError("--model may have a * only at its end")
            }
            guard let currency = Currency(invocation["--currency"] ?? "USD") else {
                throw UsageError("--currency must be three upper-case letters")
            }
            let at = at ?? SystemClock.now()
            let prices = try await book.load(at: at).listed(
                pattern,
                currency: currency,
                plan: invocation["--plan"],
                at: at
            )
            return ListedPrices(prices: prices, currency: currency).result
        }
    }

    private static func versions(_ headers: [PriceVersionHeader]) -> CommandResult {
        var table = Table(
            .right("VERSION"),
            .left("SOURCE"),
            .left("PLAN"),
            .left("CURRENCY"),
            .left("EFFECTIVE"),
            .left("PUBLISHED")
        )
        for header in headers {
            table.rows.append([
                header.version.description, header.source.rawValue, header.line.plan ?? "",
                header.currency.code, header.effectiveAt.description,
                header.publishedAt.description,
            ])
        }
        return CommandResult(text: table.text, json: .array(headers.map(JSONNode.prices)))
    }
}
