import Billing
import Digest
import Schema

/// Publishing a price file: compared first, and then exactly what was compared.
enum PriceImportPages {
    static let routes: [PageRoute] = [
        .post("prices/compare", "price compare", .operate, compare),
        .post("prices/import", "price import", .operate, publish),
    ]
    /// A file up to this size travels with the page; a longer one must be chosen again.
    private static let carriedBytesMax = 24 * 1_024

    /// Asks for a file, which then is compared.
    static func form(_ call: PageCall) -> HTML {
        HTMLForm(
            action: "/prices/compare",
            csrf: call.csrf,
            button: "Compare",
            fields: [HTMLForm.file("file", "Price file")] + terms(format: "", effective: ""),
            hasFile: true
        ).html
    }

    private static func terms(format: String, effective: String) -> [HTML] {
        [
            HTMLForm.choice(
                "format",
                "Format",
                [("", "as the file says"), ("farebox", "Farebox"), ("litellm", "LiteLLM")],
                selected: format
            ),
            HTMLForm.text(
                "effective",
                "In force from",
                value: effective,
                hint: "as soon as it may"
            ),
        ]
    }

    private static func compare(_ call: PageCall) async throws -> PageAnswer {
        let file = try file(call)
        let publication = try await call.services.prices.preview(
            file.sheet,
            effectiveAt: try effective(call)
        )
        let header = publication.header
        guard publication.outcome == .published else {
            return .page(
                title: "Nothing to import",
                """
                <p>Version <a href="/prices/\(header.version.description)">\
                \(header.version.description)</a> says the same.</p>
                <p><a href="/prices">All versions</a></p>
                """
            )
        }
        let report = file.reportLines.map { "<li>\($0)</li>" as HTML }
        return .page(
            title: "Version \(header.version), not published yet",
            """
            \(warnings(publication))
            \(figures([
                ("Source", "\(header.line.description)"),
                ("Models", "\(file.sheet.models.count)"),
                ("In force from", time(header.effectiveAt)),
            ]))
            \(PriceDiffParts.html(publication.diff))
            \(report.isEmpty ? nil : "<h2>What was left out</h2><ul>\(report)</ul>" as HTML)
            <h2>Publish</h2>\(publishForm(file, publication, call))
            <p><a href="/prices">All versions</a></p>
            """
        )
    }

    private static func warnings(_ publication: PricePublication) -> HTML {
        var guards: [PriceBookError] = []
        if !publication.jumps.isEmpty { guards.append(.jumps(publication.jumps)) }
        if let later = publication.takenOverBy { guards.append(.overlaps(later)) }
        return guards.map { error -> HTML in
            let text = error.description
            let sentence = text.prefix(1).uppercased() + text.dropFirst() + "."
            return "<p class=\"notice bad\">\(sentence)</p>"
        }.reduce(HTML.empty, +)
    }

    private static func publishForm(
        _ file: PriceFile,
        _ publication: PricePublication,
        _ call: PageCall
    ) -> HTML {
        let text = call.form["file"] ?? call.form["carried"] ?? ""
        let carried: HTML =
            text.utf8.count <= carriedBytesMax
            ? "<input type=\"hidden\" name=\"carried\" value=\"\(text)\">"
            : HTMLForm.file("file", "The same file again")
        let needsForce = !publication.jumps.isEmpty || publication.takenOverBy != nil
        let seen = digest(file)
        return HTMLForm(
            action: "/prices/import",
            csrf: call.csrf,
            button: "Publish for good",
            fields: [carried, "<input type=\"hidden\" name=\"seen\" value=\"\(seen)\">"]
                + terms(format: call.form["format"] ?? "", effective: call.form["effective"] ?? "")
                + (needsForce ? [HTMLForm.flag("force", "It is meant as it is")] : []),
            hasFile: true
        ).html
    }

    private static func publish(_ call: PageCall) async throws -> PageAnswer {
        let file = try file(call)
        guard call.field("seen") == digest(file) else {
            throw Problem(422, "this is not the file that was compared")
        }
        let publication = try await call.services.prices.publish(
            file.sheet,
            effectiveAt: try effective(call),
            isForced: call.field("force") != nil
        )
        return .redirect("/prices/\(publication.header.version)")
    }

    private static func file(_ call: PageCall) throws -> PriceFile {
        guard let text = call.field("file") ?? call.field("carried") else {
            throw Problem(422, "choose a price file first")
        }
        var format: PriceFile.Format?
        if let name = call.field("format") {
            format = PriceFile.Format(rawValue: name)
            guard format != nil else { throw Problem(422, "there is no such format") }
        }
        return try PriceFile(parsing: Array(text.utf8), format: format)
    }

    private static func effective(_ call: PageCall) throws -> Instant? {
        try call.instant(call.form["effective"], named: "the start")
    }

    private static func digest(_ file: PriceFile) -> String { file.sheet.digest.hexadecimal }
}
