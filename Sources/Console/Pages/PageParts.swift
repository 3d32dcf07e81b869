import Ledger
import Schema

// What several pages show alike.

/// An amount as people read it: rounded down to the currency's own digits.
func money(_ amount: Pico, _ currency: Currency) -> HTML {
    "\(amount.decimal(fractionDigitsMin: currency.exponent))"
}

func time(_ instant: Instant?) -> HTML {
    guard let instant else { return "–" }
    let text = instant.description
    let shown = "\(text.prefix(10)) \(text.dropFirst(11).prefix(5))"
    return "<time datetime=\"\(text)\">\(shown) UTC</time>"
}

/// A few numbers with their names.
func figures(_ facts: [(String, HTML)]) -> HTML {
    let parts = facts.map { name, value -> HTML in
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>"
    }
    return "<dl class=\"figures\">\(parts)</dl>"
}

/// A name of the API in the words of a page.
func words(_ name: String) -> String { name.replacing("_", with: " ") }

/// A secret that nobody can look up again.
func shownOnce(_ secret: String) -> HTML {
    """
    <div class="notice"><p>This is the only time that the secret is shown. Copy it now:</p>
    <code class="secret">\(secret)</code></div>
    """
}
