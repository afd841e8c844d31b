"""GLSL sources.  One program per part: llvmpipe runs both sides of every branch, so no uber-shader.

Coordinates in the shaders: P world metres, C canonical decimetres (see basemesh.py; for hanging hair C.y is 1 at the
root and 0 at the tip and C.z fades at the front edge), A arm parameter, L layer, H mask, T tangent, O occlusion.
"""

from __future__ import annotations

from .character import PARTS
from .shaders_skin import EYE, LASH, SKIN, TEETH, TONGUE
from .shaders_wear import BEARD, CLOTH, COLLAR, CURTAIN, FRAME, HAIR, JACKET

VERTEX = """#version 330
uniform mat4 VP; uniform mat4 LVP;
in vec3 pos; in vec3 nrm; in vec3 canon; in vec2 uv; in float arm; in float layer; in float hmask;
in vec3 tan_; in float ao_;
out vec3 P, N, C, T; out vec2 U; out float A, L, H, O; out vec3 S;
void main() {
  gl_Position = VP * vec4(pos, 1);
  P = pos; N = nrm; C = canon; U = uv; A = arm; L = layer; H = hmask; T = tan_; O = ao_;
  S = (LVP * vec4(pos + nrm * .006, 1)).xyz * .5 + .5;
}
"""

COMMON = """
in vec3 P, N, C, T; in vec2 U; in float A, L, H, O; in vec3 S;
float hash(vec3 p) { p = fract(p * .1031); p += dot(p, p.zyx + 31.32); return fract((p.x + p.y) * p.z); }
float noise(vec3 x) {
  vec3 i = floor(x), f = fract(x); f = f * f * (3. - 2. * f);
  return mix(mix(mix(hash(i), hash(i + vec3(1,0,0)), f.x), mix(hash(i + vec3(0,1,0)), hash(i +
      vec3(1,1,0)), f.x), f.y),
             mix(mix(hash(i + vec3(0,0,1)), hash(i + vec3(1,0,1)), f.x),
                 mix(hash(i + vec3(0,1,1)), hash(i + vec3(1,1,1)), f.x), f.y), f.z);
}
uniform vec4 garm[2];           // sleeve end, neck height, v depth, v width
uniform int has_garm[2];
uniform vec3 scoop[2];          // round neckline: depth, half-width; half-width of the straps; 0: none
uniform float jopen;
uniform vec3 whiskers;          // moustache, chin, jaw
float facial_hair(vec3 c) {     // 0..1 where hair grows, per pixel; also the shape of stubble
  float x = abs(c.x), rag = .06 * (noise(c * 26.) - .5);
  float lip = 6.775 - .30 * max(0., x - .10) * max(0., x - .10) + rag * .6;
  float moustache = smoothstep(.075, .035, abs(c.y - lip - .035 * smoothstep(.0, .12, x)))
                  * smoothstep(.40, .30, x + rag) * step(1., c.z);
  float chin = smoothstep(6.60, 6.52, c.y + rag - .10 * smoothstep(.12, .3, x))
             * smoothstep(.36, .26, x + rag + .10 * (c.y - 6.3));
  float corner = smoothstep(.07, .03, abs(x - .335 + rag)) * smoothstep(6.80, 6.74, c.y) * smoothstep(6.40, 6.46, c.y);
  float line = 6.70 + .34 * smoothstep(.42, .80, x);
  float jaw = max(smoothstep(line + .03, line - .07, c.y + rag * 1.5) * smoothstep(.30, .40, x),
                  smoothstep(6.54, 6.46, c.y + rag));
  float under = smoothstep(6.02, 6.22, c.y - .35 * max(0., .9 - c.z));
  float back = smoothstep(.30, .52, c.z + rag) * (1. - smoothstep(6.55, 6.75, c.y) * smoothstep(.66, .74, x + rag));
  float m = whiskers.x * moustache;
  m = max(m, whiskers.y * chin * under);
  m = max(m, min(whiskers.x, whiskers.y) * corner);
  return max(m, whiskers.z * jaw * under * back);
}
float neck_line(int k, vec3 c) {
  float front = smoothstep(.2, 1.1, c.z), wide = max(0., scoop[k].y - .6);
  float y = garm[k].y - .42 * smoothstep(-.3, 1.2, c.z) * max(0., 1. - c.x * c.x * 1.2);
  float v = garm[k].z * max(0., 1. - abs(c.x) / garm[k].w);
  if (scoop[k].y > 0.)
    v += scoop[k].x * sqrt(max(0., 1. - c.x * c.x / (scoop[k].y * scoop[k].y)));
  return y - v * front + smoothstep(.50 + wide, .95 + wide, abs(c.x)) * 1.2 * smoothstep(6., 5.6, c.y);
}
float opening(vec3 c) { return jopen * (.25 + .75 * smoothstep(.5, 5.5, c.y)); }
bool covered(int k, vec3 c, float a, float m) {
  if (has_garm[k] == 0 || c.y > garm[k].y + .06 - m || (a > 0. && a > garm[k].x - m) || c.y > neck_line(k,
      c) - m)
    return false;
  if (scoop[k].z > 0. && abs(c.x) > mix(scoop[k].z, 4., smoothstep(5.0, 4.2, c.y)) - m) return false;
  return !(k == 1 && c.z > .3 && abs(c.x) < opening(c) + m);
}
bool lapel(vec3 c) {            // turned-over edge of the blazer, with a notch
  float e = abs(c.x) - opening(c);
  float width = .50 * smoothstep(2.45, 4.6, c.y);
  float notch = abs(c.y - (5.02 + .35 * e)) - .05 - .10 * e;
  if (e > .22 && notch < 0.) width = .22;
  if (c.y > 5.1) width = mix(.42, .30, smoothstep(5.1, 5.7, c.y));
  return e > -.02 && e < width && c.z > .3 && covered(1, c, 0., -.02);
}
"""

CUT = {  # alpha tests, shared by colour, shadow and visibility passes
    "cloth": "if (!covered(0, C, A, 0.)) discard;",
    "jacket": "if (L > .5) { if (!lapel(C)) discard; } else if (!covered(1, C, A, 0.)) discard;",
    "curtain": """
  float strand = noise(vec3(U.x * 420., U.y * 9., L * 3.)) * .6 + noise(vec3(U.x * 900., U.y * 14., L *
      5.)) * .4;
  float ragged = noise(vec3(U.x * 110., 3., 5.));
  float cut = mix(-.2, .46, L * L) + smoothstep(.16 + .10 * ragged, .0, C.y) * 1.2 + (1. - smoothstep(0.,
      .7, C.z)) * .55;
  if (strand < cut) discard;""",
}

SHADOW_CUT = dict(CUT, hair="if (L > .75 || H < .35) discard;", curtain="if (L > .8 || C.y < .06) discard;")

LIGHT = """
uniform sampler2D masks; uniform sampler2D masks2; uniform sampler2DShadow shadow;
uniform vec3 eye, keydir, keycol, filldir, fillcol, rimdir, rimcol, sky, ground;
uniform vec3 skin, lip, iris, haircol, hairtip, cloth, cloth2, jcol, pants, frame_col;
uniform float blush, age, stubble, makeup, rough, browd, browy, tired, contour,
    pattern, hairdens, hairfreq, curl, freck,
    exposure;
out vec4 colour;
struct Surface { vec3 albedo, normal; float roughness, f0, scatter, ao, specular; };
float shadow_at() {
  float r = 0.;
  const vec2 taps[9] = vec2[](vec2(0), vec2(.9,.2), vec2(-.3,.95), vec2(-.9,-.3), vec2(.35,-.9), vec2(.5,.5),
                              vec2(-.55,.45), vec2(-.4,-.6), vec2(.6,-.4));
  for (int i = 0; i < 9; i++) r += texture(shadow, vec3(S.xy + taps[i] * .0055, S.z - .0045));
  return r / 9.;
}
float lobe(vec3 n, vec3 v, vec3 l, float a, float f0) {
  vec3 h = normalize(v + l);
  float nh = max(dot(n, h), 0.), nl = max(dot(n, l), 0.), nv = max(dot(n, v), .05), vh = max(dot(v, h), 0.);
  float d = a * a / (3.14159 * pow(nh * nh * (a * a - 1.) + 1., 2.)), k = a * .5;
  float g = 1. / ((nl * (1. - k) + k) * (nv * (1. - k) + k));
  return d * g * .25 * (f0 + (1. - f0) * pow(1. - vh, 5.)) * nl;
}
vec3 bump(vec3 n, vec3 c, float f, float amount) {
  float e = .35 / f, v0 = noise(c * f);
  vec3 g = vec3(noise((c + vec3(e,0,0)) * f) - v0, noise((c + vec3(0,e,0)) * f) - v0,
                noise((c + vec3(0,0,e)) * f) - v0) / e / f;
  return normalize(n - amount * (g - n * dot(g, n)));
}
vec3 tone(vec3 c) {
  c *= exposure;
  vec3 filmic = (c * (2.51 * c + .03)) / (c * (2.43 * c + .59) + .14);
  c = mix(1. - exp(-c * 1.35), filmic, .35);
  return pow(clamp(c, 0., 1.), vec3(1 / 2.2));
}
vec3 shade(Surface s, vec3 v, float shadowed) {
  float nl = dot(s.normal, keydir);
  vec3 direct;
  if (s.scatter > 0.) {
    vec3 w = vec3(.45, .24, .18) * s.scatter;
    direct = max((vec3(nl) + w) / (1. + w), 0.);
    shadowed = mix(shadowed, 1., .12);
    direct *= mix(vec3(shadowed), vec3(sqrt(shadowed), shadowed, shadowed), s.scatter * .6);
  } else direct = vec3(max(nl * .9 + .1, 0.) * shadowed);
  vec3 ambient = sky * (.5 + .5 * s.normal.y) + ground * (.5 - .5 * s.normal.y);
  vec3 warm_ao = mix(vec3(s.ao), vec3(sqrt(s.ao), s.ao, s.ao), s.scatter * .6);
  vec3 c = s.albedo * (ambient * warm_ao + keycol * direct * mix(vec3(1.), warm_ao, .4)
                       + fillcol * max(dot(s.normal, filldir) * .75 + .25, 0.) * warm_ao);
  float a = s.roughness * s.roughness;
  c += s.specular * (keycol * lobe(s.normal, v, keydir, a, s.f0) * shadowed
                     + fillcol * lobe(s.normal, v, filldir, a, s.f0) * s.ao * .6);
  float fresnel = pow(1. - max(dot(s.normal, v), 0.), 3.);
  c += (rimcol * max(dot(s.normal, rimdir), 0.) * s.albedo * 1.2 + .08 * sky * fresnel *
      (1. - s.roughness * .6)) * s.ao;
  return c;
}
vec3 shade_hair(vec3 albedo, vec3 n, vec3 t, vec3 v, float ao, float shadowed, float gloss) {
  vec3 h = normalize(keydir + v);
  float th = dot(t, h), th2 = dot(t, normalize(filldir + v));
  float s1 = pow(sqrt(max(1. - th * th, 0.)), 50.), s2 = pow(sqrt(max(1. - th2 * th2, 0.)), 26.);
  vec3 c = albedo * (sky * (.55 + .45 * n.y) + ground * (.45 - .45 * n.y)) * ao;
  c += albedo * keycol * (.25 + .75 * shadowed) * max(dot(n, keydir) * .65 + .35, 0.) * mix(1., ao, .5);
  c += albedo * fillcol * max(dot(n, filldir) * .6 + .4, 0.) * ao;
  c += (hairtip * .6 + .045) * (keycol * s1 * (.3 + .7 * shadowed) * .42 + fillcol * s2 * .30) * gloss * ao;
  return c + albedo * rimcol * pow(max(dot(n, rimdir), 0.), 2.) * ao;
}
"""


SURFACE_MAIN = """
void main() {
  CUT
  vec3 v = normalize(eye - P);
  Surface s = Surface(vec3(.5), normalize(N), .5, .04, 0., 1., 1.);
  surface(s);
  s.ao *= clamp(O * O * .3 + O * .78, 0., 1.05);
  colour = vec4(tone(shade(s, v, shadow_at())), 1);
}
"""

BODIES = dict(
    skin=SKIN,
    eye=EYE,
    teeth=TEETH,
    tongue=TONGUE,
    lash=LASH,
    cloth=CLOTH,
    jacket=JACKET,
    collar=COLLAR,
    frame=FRAME,
    hair=HAIR,
    beard=BEARD,
    curtain=CURTAIN,
)
SHADOW_PARTS = ("skin", "cloth", "jacket", "hair", "curtain", "collar")

BACKGROUND_VERTEX = (
    "#version 330\nin vec2 p; out vec2 u; void main() { u = p * .5 + .5; gl_Position = vec4(p, .99999, 1); }"
)
BACKGROUND = """#version 330
in vec2 u; uniform sampler2D image; uniform vec2 shift; out vec4 o;
void main() { o = vec4(texture(image, vec2(u.x, 1. - u.y) * .9 + .05 + shift).rgb, 1); }"""


def colour_program(part: str, detail: bool) -> str:
    """Fragment shader of one part."""
    body = BODIES[part]
    if "void main" not in body:
        body += SURFACE_MAIN
    body = body.replace("CUT", CUT.get(part, ""), 1)
    return f"#version 330\n#define DETAIL {int(detail)}\n" + COMMON + LIGHT + body


def depth_program(part: str) -> str:
    """Fragment shader of the shadow, occlusion and visibility passes."""
    return "#version 330\n" + COMMON + "void main() { " + SHADOW_CUT.get(part, "") + " }"


assert set(BODIES) == set(PARTS)
