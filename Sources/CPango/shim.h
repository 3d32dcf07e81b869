#pragma once
#include <cairo-pdf.h>
#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>

// Casting macros, which Swift does not import, around what pango's manual says is of that type.

static inline PangoFcFontMap *farebox_fontconfig_map(PangoFontMap *map) {
    return PANGO_FC_FONT_MAP(map);
}

static inline void farebox_set_resolution(PangoFontMap *map, double dots_per_inch) {
    pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map), dots_per_inch);
}
