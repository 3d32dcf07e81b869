import Documents
import Schema

/// The lines of a UBL document.
struct UBLLines {
    /// UN/ECE recommendation 20: one, a piece.
    private static let unit = "C62"

    private let document: InvoiceDocument
    private let tax: DocumentTax

    init(_ document: InvoiceDocument, _ tax: DocumentTax) {
        self.document = document
        self.tax = tax
    }

    func write(_ index: Int, to xml: inout XMLWriter) {
        let line = document.lines[index]
        let isCreditNote = document.kind == .creditNote
        xml.element(isCreditNote ? "cac:CreditNoteLine" : "cac:InvoiceLine") { xml in
            xml.element("cbc:ID", text: String(index + 1))
            xml.element(
                isCreditNote ? "cbc:CreditedQuantity" : "cbc:InvoicedQuantity",
                ["unitCode": Self.unit],
                text: String(line.quantity)
            )
            amount("cbc:LineExtensionAmount", line.amount.pico(in: document.currency), &xml)
            if let month = line.serviceMonth, month != document.period?.month {
                Self.write(month, to: &xml)
            }
            xml.element("cac:Item") { xml in
                if !line.project.isEmpty {
                    xml.element("cbc:Description", text: "Project \(line.project)")
                }
                xml.element("cbc:Name", text: line.description)
                tax.writeCategory("cac:ClassifiedTaxCategory", to: &xml)
            }
            writePrice(of: line, &xml)
        }
    }

    /// Whoever multiplies gets the line's amount: where something was not charged, or there is no
    /// price, that amount is the price of the whole quantity.
    private func writePrice(of line: DocumentLine, _ xml: inout XMLWriter) {
        var (price, base) = (line.amount.pico(in: document.currency), max(line.quantity, 1))
        if let unitPrice = line.unitPrice, line.uncharged == .zero {
            (price, base) = (unitPrice, line.priceQuantity)
        }
        xml.element("cac:Price") { xml in
            amount("cbc:PriceAmount", price, &xml)
            xml.element("cbc:BaseQuantity", ["unitCode": Self.unit], text: String(base))
        }
    }

    private func amount(_ name: String, _ amount: Pico, _ xml: inout XMLWriter) {
        xml.element(
            name,
            ["currencyID": document.currency.code],
            text: amount.decimal(fractionDigitsMin: document.currency.exponent)
        )
    }

    /// A month as a period of service.
    static func write(_ month: Month, to xml: inout XMLWriter) {
        guard let first = CalendarDate("\(month)-01"), let next = CalendarDate("\(month.next)-01")
        else { return }
        xml.element("cac:InvoicePeriod") { xml in
            xml.element("cbc:StartDate", text: "\(first)")
            xml.element("cbc:EndDate", text: "\(next.adding(days: -1))")
        }
    }
}
