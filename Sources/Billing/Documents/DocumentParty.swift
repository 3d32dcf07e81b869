/// Who issues a document, or whom it is for.
package struct DocumentParty: Hashable, Sendable, Codable {
    package var legalName: String
    /// Lines of the postal address, without city and country.
    package var address: [String]
    package var city: String?
    package var postalCode: String?
    /// Two letters of ISO 3166-1; nil where it is not known.
    package var country: String?
    /// Such as `DE123456789`.
    package var taxIdentifier: String?
    package var email: String?
    /// Where payments go; of issuers only.
    package var bankAccount: String?
    /// Days until a payment is due; of customers only.
    package var paymentTermsDays: Int32?

    package init(legalName: String, address: [String] = []) {
        self.legalName = legalName
        self.address = address
    }
}
