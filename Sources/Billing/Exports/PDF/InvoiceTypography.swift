import Documents

/// The type, inks and rules of an invoice's pages: two weights, two greys, one family.
enum InvoiceTypography {
    static let ink = Ink(0x15181E)
    static let softInk = Ink(0x69707D)
    static let hairInk = Ink(0xC9CED6)

    static let title = TextStyle(size: .points(22), isBold: true, ink: ink)
    static let issuer = TextStyle(size: .points(13), isBold: true, ink: ink)
    static let figure = TextStyle(size: .points(16), isBold: true, ink: ink)
    static let body = TextStyle(size: .tenths(85), ink: ink)
    static let strong = TextStyle(size: .tenths(85), isBold: true, ink: ink)
    static let soft = TextStyle(size: .tenths(85), ink: softInk)
    static let label = TextStyle(
        size: .tenths(65),
        isBold: true,
        ink: softInk,
        tracking: .tenths(5)
    )
    static let small = TextStyle(size: .points(7), ink: softInk)

    static let hairline = Rule(thickness: .tenths(5), ink: hairInk)
    static let line = Rule(thickness: .tenths(9), ink: ink)

    /// The height of an issuer's logo.
    static let logoHeight = Length.points(30)
    static let columnGap = Length.points(12)
    static let rowPadding = Length.tenths(28)

    static func text(
        _ text: String,
        _ style: TextStyle = body,
        _ alignment: Alignment = .left
    ) -> Block {
        .text(Paragraph(text, style, alignment))
    }
}
