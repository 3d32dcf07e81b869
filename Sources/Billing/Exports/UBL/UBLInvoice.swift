import Documents
import Schema

/// A document in UBL 2.1 by EN 16931, the norm for electronic invoices in Europe.
///
/// The order of elements is the schema's; `BT` are the norm's business terms.
struct UBLInvoice {
    private let document: InvoiceDocument
    private let number: String
    private let issueDate: CalendarDate
    private let tax: DocumentTax
    private let seller: UBLParty
    private let buyer: UBLParty

    /// Throws what the norm requires and the document does not say.
    init(_ document: InvoiceDocument) throws(ExportError) {
        guard let number = document.number, let issueDate = document.issueDate else {
            throw .incomplete("a number, so drafts have none")
        }
        guard document.kind != .statement else { throw .noInvoice(number) }
        guard document.currency.exponent <= 2 else { throw .tooPrecise(document.currency) }
        guard let tax = document.taxes.first, document.taxes.count == 1 else {
            throw .incomplete("one tax category for all lines")
        }
        self.document = document
        self.number = number
        self.issueDate = issueDate
        self.tax = tax
        seller = try UBLParty(document.issuer, "issuer")
        buyer = try UBLParty(document.customer, "customer")
    }

    private var isCreditNote: Bool { document.kind == .creditNote }

    var text: String {
        let root = isCreditNote ? "CreditNote" : "Invoice"
        let names = "urn:oasis:names:specification:ubl:schema:xsd"
        var xml = XMLWriter()
        xml.element(
            root,
            [
                "xmlns": "\(names):\(root)-2",
                "xmlns:cac": "\(names):CommonAggregateComponents-2",
                "xmlns:cbc": "\(names):CommonBasicComponents-2",
            ]
        ) { xml in
            writeHead(&xml)
            xml.element("cac:AccountingSupplierParty") { seller.write(to: &$0) }
            xml.element("cac:AccountingCustomerParty") { buyer.write(to: &$0) }
            writePayment(&xml)
            writeCredits(&xml)
            writeDebts(&xml)
            writeTax(&xml)
            writeTotals(&xml)
            let lines = UBLLines(document, tax)
            for index in document.lines.indices { lines.write(index, to: &xml) }
        }
        return xml.text
    }

    // MARK: - Head

    private func writeHead(_ xml: inout XMLWriter) {
        xml.element("cbc:CustomizationID", text: "urn:cen.eu:en16931:2017")
        xml.element("cbc:ID", text: number)
        xml.element("cbc:IssueDate", text: "\(issueDate)")
        // A credit note has no due date in UBL.
        if !isCreditNote, let due = document.dueDate {
            xml.element("cbc:DueDate", text: "\(due)")
        }
        // BT-3 by UNTDID 1001: invoice, prepayment invoice, credit note.
        switch document.kind {
        case .invoice, .statement: xml.element("cbc:InvoiceTypeCode", text: "380")
        case .receipt: xml.element("cbc:InvoiceTypeCode", text: "386")
        case .creditNote: xml.element("cbc:CreditNoteTypeCode", text: "381")
        }
        if let reason = document.reason { xml.element("cbc:Note", text: reason) }
        xml.element("cbc:DocumentCurrencyCode", text: document.currency.code)
        if let period = document.period { UBLLines.write(period.month, to: &xml) }
        if let corrected = document.corrects {
            xml.element("cac:BillingReference") { xml in
                xml.element("cac:InvoiceDocumentReference") { xml in
                    xml.element("cbc:ID", text: corrected.number)
                    xml.element("cbc:IssueDate", text: "\(corrected.issueDate)")
                }
            }
        }
    }

    private func writePayment(_ xml: inout XMLWriter) {
        if document.kind == .invoice, let account = document.issuer.bankAccount {
            xml.element("cac:PaymentMeans") { xml in
                // BT-81 by UNTDID 4461: credit transfer.
                xml.element("cbc:PaymentMeansCode", text: "30")
                xml.element("cbc:PaymentID", text: number)
                xml.element("cac:PayeeFinancialAccount") { $0.element("cbc:ID", text: account) }
            }
        }
        guard isCreditNote || document.dueDate == nil else { return }
        let terms =
            switch document.kind {
            case .creditNote: "Credited to the account"
            case .receipt: "Paid"
            case .invoice, .statement: document.totals.due == .zero ? "Nothing due" : "On receipt"
            }
        xml.element("cac:PaymentTerms") { $0.element("cbc:Note", text: terms) }
    }

    // MARK: - Figures

    private func amount(_ name: String, _ amount: MinorUnits, _ xml: inout XMLWriter) {
        xml.element(
            name,
            ["currencyID": document.currency.code],
            text: amount.decimal(in: document.currency)
        )
    }

    /// Credit that was taxed when it was paid for, or was a present, lowers what is taxed here.
    private func writeCredits(_ xml: inout XMLWriter) {
        for credit in document.creditsApplied where credit.amount != .zero {
            xml.element("cac:AllowanceCharge") { xml in
                xml.element("cbc:ChargeIndicator", text: "false")
                let reason = credit.kind == .paid ? "Prepaid credit" : "Promotional credit"
                xml.element("cbc:AllowanceChargeReason", text: reason)
                amount("cbc:Amount", credit.amount, &xml)
                tax.writeCategory("cac:TaxCategory", to: &xml)
            }
        }
    }

    /// What chargebacks and corrections left unpaid.
    private func writeDebts(_ xml: inout XMLWriter) {
        for debt in document.debts ?? [] where debt.amount != .zero {
            xml.element("cac:AllowanceCharge") { xml in
                xml.element("cbc:ChargeIndicator", text: "true")
                xml.element("cbc:AllowanceChargeReason", text: debt.title)
                amount("cbc:Amount", debt.amount, &xml)
                tax.writeCategory("cac:TaxCategory", to: &xml)
            }
        }
    }

    private func writeTax(_ xml: inout XMLWriter) {
        xml.element("cac:TaxTotal") { xml in
            amount("cbc:TaxAmount", document.totals.tax, &xml)
            xml.element("cac:TaxSubtotal") { xml in
                amount("cbc:TaxableAmount", tax.base, &xml)
                amount("cbc:TaxAmount", tax.amount, &xml)
                tax.writeCategory("cac:TaxCategory", withReason: true, to: &xml)
            }
        }
    }

    private func writeTotals(_ xml: inout XMLWriter) {
        let totals = document.totals
        // A credit note's amount is the customer's, whatever it is set against.
        let payable = isCreditNote ? totals.total : totals.due
        xml.element("cac:LegalMonetaryTotal") { xml in
            amount("cbc:LineExtensionAmount", totals.subtotal, &xml)
            amount("cbc:TaxExclusiveAmount", totals.net, &xml)
            amount("cbc:TaxInclusiveAmount", totals.total, &xml)
            if totals.creditsApplied != .zero {
                amount("cbc:AllowanceTotalAmount", totals.creditsApplied, &xml)
            }
            if let debts = totals.debts, debts != .zero {
                amount("cbc:ChargeTotalAmount", debts, &xml)
            }
            if payable != totals.total {
                amount("cbc:PrepaidAmount", totals.total - payable, &xml)
            }
            amount("cbc:PayableAmount", payable, &xml)
        }
    }
}

extension DocumentTax {
    /// The category as lines, allowances and the breakdown state it.
    func writeCategory(_ name: String, withReason: Bool = false, to xml: inout XMLWriter) {
        xml.element(name) { xml in
            xml.element("cbc:ID", text: category.rawValue)
            // What is outside the scope of tax has no rate, not a rate of zero.
            if category != .outOfScope {
                xml.element("cbc:Percent", text: TaxText.percent(self))
            }
            if withReason, let exemptionReason {
                xml.element("cbc:TaxExemptionReason", text: exemptionReason)
            }
            xml.element("cac:TaxScheme") { $0.element("cbc:ID", text: "VAT") }
        }
    }
}
