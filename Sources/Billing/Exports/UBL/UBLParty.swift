import Documents
import Schema

/// A seller or a buyer as EN 16931 wants them.
struct UBLParty {
    private let party: DocumentParty
    private let country: String

    init(_ party: DocumentParty, _ role: String) throws(ExportError) {
        guard let country = party.country else {
            throw .incomplete("the country of the \(role)")
        }
        self.party = party
        self.country = country
    }

    func write(to xml: inout XMLWriter) {
        xml.element("cac:Party") { xml in
            xml.element("cac:PostalAddress") { xml in
                writeAddress(&xml)
            }
            if let taxID = party.taxIdentifier {
                xml.element("cac:PartyTaxScheme") { xml in
                    xml.element("cbc:CompanyID", text: taxID)
                    xml.element("cac:TaxScheme") { $0.element("cbc:ID", text: "VAT") }
                }
            }
            xml.element("cac:PartyLegalEntity") { xml in
                xml.element("cbc:RegistrationName", text: party.legalName)
            }
            if let email = party.email {
                xml.element("cac:Contact") { $0.element("cbc:ElectronicMail", text: email) }
            }
        }
    }

    /// The norm has three lines of an address; a longer one goes on in the third.
    private func writeAddress(_ xml: inout XMLWriter) {
        let lines = party.address
        if let first = lines.first { xml.element("cbc:StreetName", text: first) }
        if lines.count > 1 { xml.element("cbc:AdditionalStreetName", text: lines[1]) }
        if let city = party.city { xml.element("cbc:CityName", text: city) }
        if let code = party.postalCode { xml.element("cbc:PostalZone", text: code) }
        if lines.count > 2 {
            xml.element("cac:AddressLine") { xml in
                xml.element("cbc:Line", text: lines.dropFirst(2).joined(separator: ", "))
            }
        }
        xml.element("cac:Country") { xml in
            xml.element("cbc:IdentificationCode", text: country)
        }
    }
}
