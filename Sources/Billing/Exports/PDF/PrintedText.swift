import Schema

/// How numbers and dates are written on paper: in English, whatever the process's locale.
enum PrintedText {
    /// A plain decimal with its thousands apart and a true minus sign: `−1,234.50`.
    static func grouped(_ decimal: String) -> String {
        let isNegative = decimal.hasPrefix("-")
        let digits = isNegative ? decimal.dropFirst() : decimal[...]
        let whole = digits.prefix { $0 != "." }
        var text = isNegative ? "\u{2212}" : ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text + digits.dropFirst(whole.count)
    }

    static func count(_ number: Int64) -> String { grouped(String(number)) }

    /// An exact amount with at least its currency's decimals, without the code.
    static func amount(_ amount: Pico, _ currency: Currency) -> String {
        grouped(amount.decimal(fractionDigitsMin: currency.exponent))
    }

    /// `1 November 2026`.
    static func date(_ date: CalendarDate) -> String {
        "\(date.day) \(monthNames[Int(date.month) - 1]) \(date.year)"
    }

    /// `October 2026`.
    static func month(_ month: Month) -> String {
        "\(monthNames[Int(month.number) - 1]) \(month.year)"
    }

    private static let monthNames = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
}
