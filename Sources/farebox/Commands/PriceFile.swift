import Billing
import Foundation

extension PriceFile {
    /// Many times the community's file, which has 2 MB for all models there are.
    private static let bytesMax = 32 << 20

    /// Reads a file of the machine.
    ///
    /// - Parameter format: `litellm` or `farebox`; nil tells the own format by its `format` field.
    static func read(_ path: String, format: String?) throws -> PriceFile {
        let known = format.map { Format(rawValue: $0) }
        if let known, known == nil { throw UsageError("--format is litellm or farebox") }
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        if let size = (attributes?[.size] as? NSNumber)?.intValue, size > bytesMax {
            throw CommandFailure(
                "\(path) has \(size >> 20) MB: a price file has at most \(bytesMax >> 20)"
            )
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) cannot be read")
        }
        do throws(PriceFileError) {
            return try PriceFile(parsing: [UInt8](data), format: known ?? nil)
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }
}
