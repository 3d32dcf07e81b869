import Schema

/// A price file in either format, read.
package struct PriceFile: Sendable {
    package enum Format: String, CaseIterable, Sendable {
        /// The community's.
        case litellm
        /// Farebox's own.
        case farebox
    }

    package let sheet: PriceSheet
    /// What became of a community file; Farebox's own is taken whole or not at all.
    package let report: ImportReport?

    /// Reads a file.
    ///
    /// - Parameter format: nil tells the own format by its `format` field.
    package init(parsing bytes: [UInt8], format: Format? = nil) throws(PriceFileError) {
        let document: JSONTree
        do { document = try JSONTree(parsing: bytes) } catch { throw .notJSON(error) }
        switch format ?? (document["format"] == nil ? .litellm : .farebox) {
        case .farebox:
            sheet = try FareboxPrices(document).sheet
            report = nil
        case .litellm:
            let prices = try LiteLLMPrices(document)
            sheet = prices.sheet
            report = prices.report
        }
    }

    /// What was left out, adjusted or not priced, a line each.
    package var reportLines: [String] {
        guard let report else { return [] }
        var lines = report.skipCounts.map { "skipped \($0.count) models: \($0.kind)" }
        lines += report.unpricedKeys.sorted { $0.key < $1.key }.map {
            "not priced: \($0.key), in \($0.value) models"
        }
        if !report.adjusted.isEmpty { lines.append("adjusted \(report.adjusted.count) models") }
        return lines
    }
}
