import Schema

/// How a tax is written.
enum TaxText {
    /// `19`, `5.5`: a plain decimal.
    static func percent(_ tax: DocumentTax) -> String {
        Pico(Int128(tax.rate) * 1_000_000_000).description
    }

    /// `VAT 19 %`.
    static func name(_ tax: DocumentTax) -> String { "VAT \(percent(tax))\u{A0}%" }
}
