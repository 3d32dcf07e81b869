import Documents
import Testing

@Suite struct XMLWriterTests {
    @Test func `elements nest, and an element without content is left out`() {
        var xml = XMLWriter()
        xml.element("a", ["x": "1", "y": "2"]) { xml in
            xml.element("b", text: "c")
            xml.element("empty") { xml in xml.element("deeper") { _ in } }
        }
        #expect(
            xml.text == """
                <?xml version="1.0" encoding="UTF-8"?>
                <a x="1" y="2">
                  <b>c</b>
                </a>

                """
        )
    }

    @Test func `no text breaks out of its element`() {
        var xml = XMLWriter()
        xml.element("a", ["b": "\"&<>\n\t'"], text: "]]> </a> & \u{0} \u{1F} \u{FFFF} é 中\r")
        let line = xml.text.split(separator: "\n")[1]
        #expect(
            line == """
                <a b="&quot;&amp;&lt;&gt;&#10;&#9;'">]]&gt; &lt;/a&gt; &amp; \
                \u{FFFD} \u{FFFD} \u{FFFD} é 中&#13;</a>
                """
        )
    }
}
