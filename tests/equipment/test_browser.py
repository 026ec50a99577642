"""The browser of the page tests runs, and writes Chinese rather than boxes."""

from __future__ import annotations


def test_chinese_names_have_glyphs_of_their_own(browser):
    page = browser.new_page()
    page.set_content("<canvas></canvas>")
    drawn = page.evaluate(
        """text => {
            const canvas = document.querySelector('canvas');
            const pen = canvas.getContext('2d', {willReadFrequently: true});
            return Array.from(text).map(one => {
                pen.clearRect(0, 0, 40, 40);
                pen.font = '24px sans-serif';
                pen.fillText(one, 2, 28);
                return pen.getImageData(0, 0, 40, 40).data.join();
            });
        }""",
        "归队张龘𠮷\U000e0fff",
    )
    assert len(set(drawn)) == 6  # the last is no character: its box must be nobody's glyph
    page.close()


def test_the_accessibility_checker_is_at_hand(axe_script):
    assert "axe" in axe_script[:200]
