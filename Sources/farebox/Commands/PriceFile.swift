import Billing
import Foundation

/// A price file in either format, read.
struct PriceFile: Sendable {
    let sheet: PriceSheet
    /// What became of a community file; Farebox's own is taken whole or not at all.
    let report: ImportReport?

    /// Many times the community's file, which has 2 MB for all models there are.
    private static let bytesMax = 32 << 20

    /// - Parameter format: `litellm` or `farebox`; nil tells the own format by its `format` field.
    static func read(_ path: String, format: String?) throws -> PriceFile {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        if let size = (attributes?[.size] as? NSNumber)?.intValue, size > bytesMax {
            throw CommandFailure(
                "\(path) has \(size >> 20) MB: a price file has at most \(bytesMax >> 20)"
            )
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) cannot be read")
        }
        let bytes = [UInt8](data)
        let isOwn = data.range(of: Data(FareboxPrices.format.utf8)) != nil
        do {
            switch format ?? (isOwn ? "farebox" : "litellm") {
            case "farebox":
                return PriceFile(sheet: try FareboxPrices(parsing: bytes).sheet, report: nil)
            case "litellm":
                let prices = try LiteLLMPrices(parsing: bytes)
                return PriceFile(sheet: prices.sheet, report: prices.report)
            default:
                throw UsageError("--format is litellm or farebox")
            }
        } catch let error as PriceFileError {
            throw CommandFailure("\(path): \(error)")
        }
    }

    /// What was left out, adjusted or not priced.
    var reportLines: [String] {
        guard let report else { return [] }
        var lines = report.skipCounts.map { "skipped \($0.count) models: \($0.kind)" }
        lines += report.unpricedKeys.sorted { $0.key < $1.key }.map {
            "not priced: \($0.key), in \($0.value) models"
        }
        if !report.adjusted.isEmpty { lines.append("adjusted \(report.adjusted.count) models") }
        return lines
    }
}
