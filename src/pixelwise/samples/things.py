"""The 20 classes of Pascal VOC as drawings (`drawings` explains the language). What moves, moves to the right."""

from __future__ import annotations

from .painting import Paint

PAINTS = {
    "skin": Paint("f0c8ac deac8a be8864 8d5c3e 603e2c", contrast=0.03, round=0.8, fade=0.1),
    "hair": Paint("261c18 5c3c24 be965a 787470 181618", "fur", 0.2, round=0.6),
    "shirt": Paint("b02a2e 284a8c/dad6ce 2c6e54 d6ac3c e2ded6/b04a3e", "weave", round=0.7, pattern="bands", share=0.4),
    "white": Paint("efede6", contrast=0.02),
    "pink": Paint("d6938a", round=0.6),
    "coat": Paint("7a4828/2b190e 462c1e/180f0a a87646/e2d6be cec8be/6a6660 342c2a/120f0f", "fur", 0.06, round=0.9),
    "hide": Paint("e8e4dc/242020 ece2d2/884a2a 8a5230/d8c8b0", "fur", 0.05, round=0.75, fade=0.3, share=0.4),
    "wool": Paint("e8e2d2 d6ccba f0eee6", "wool", 0.1, 2.3, round=0.8, fade=0.3, grows=True),
    "face": Paint("342e2c e2d6c8 605046", "fur", 0.06, round=0.8),
    "dog": Paint("c48e54/e8d6ba 3e2c24/966038 e4ded4/60402c 925e38/f0e8dc 2c2a2c/e2ded8", "fur", round=0.8, share=0.2),
    "cat": Paint("ce8646/965222 928c82/4e4844 343032 e8e2d8/be824c", "fur", round=0.8, pattern="stripes", share=0.4),
    "iris": Paint("c4be3c 78be6e 6eaad2", contrast=0),
    "feather": Paint("e8e8e6/808892 2a2a32/1e1e24 b04634/60483c 3c6caa/2c4878 d6b846/5a603c", "fur", 0.1, round=0.8),
    "lacquer": Paint("ac2226 224280 d4d6d8 282a2e e4be42 346e4e c4662c", contrast=0.02, round=0.5, gloss=0.2, fade=0.5),
    "panel": Paint("ac2226/eceae2 224280/eceae2 e2e2de/c02a2c e4be42/285a96 346e4e/eceae2", contrast=0.02),
    "shell": Paint("e8eaee/28509a e8eaee/c8382e eeeeea/e0aa38 f0f0f0/6fa6d0", contrast=0.02, round=0.9, fade=0.35),
    "metal": Paint("b0b4ba", contrast=0.06, round=0.6, gloss=0.25),
    "blur": Paint("8a8c90", contrast=0.02, opacity=0.2),
    "dark": Paint("1e1e22"),
    "black": Paint("222226", round=0.5, gloss=0.1),
    "pane": Paint("40525f 617a8b 718797 5c7688 8497a3", "cloud", 0.16, fade=0.5),
    "shine": Paint("ffffff", contrast=0, fade=0, opacity=0.25),
    "lamp": Paint("faf4d6", contrast=0.02),
    "amber": Paint("fab43c"),
    "red": Paint("be2020", round=0.5),
    "sail": Paint("ece8de ece8de c8402e e8be50 343a60", "weave", 0.04, round=0.25, fade=0.2),
    "wood": Paint("966238 6e4228 c49864 54382a e0d8cc", "wood", 0.12, 0.6, round=0.4, fade=0.2),
    "fabric": Paint("8e282c 465c78 7a8068 c4b294 4c464a 3c6864 ba783c 6e4660 303e62", "weave", 0.07, round=0.6),
    "pillow": Paint("ba783c/e8e2d2 465c78/e8e2d2 8e282c 6e4660/e8e2d2", "weave", round=0.9, pattern="bands", share=0.5),
    "linen": Paint("ece8de b03c3a/e6dcd0 6e8caa/f0eee6 d6c8a0", "weave", 0.05, pattern="checks", share=0.4, size=0.9),
    "fruit": Paint("c4322c e69632 96aa3c e0c040", round=0.9, gloss=0.2),
    "bottle": Paint("26482c 683a18 1e3a34 96bece", contrast=0.04, round=0.8, gloss=0.45, fade=0.2),
    "paper": Paint("eee8d6/5c584e be2c28/f0ece0 f0c850/5c4a20 3c64aa/f0ece0", contrast=0.04, round=0.5),
    "clay": Paint("ba6442 cec8be 465460 96503a", contrast=0.08, round=0.6, fade=0.2),
    "leaf": Paint("3e7834 60843a 4e8a44 2c603a", "fur", 0.08, round=0.35),
}

THINGS = """
person: 40% hair blob -7,93 0,100 7,93 8,78 0,74 -8,78; @clothes; @arms; skin box -3.4,78 3.4,88; shirt blob -5,82 5,82
    12,80 12,66 9,56 10,46 0,44 -10,46 -9,56 -12,66 -12,80; skin blob 0,98 5,96 6,90 3,86 0,84 -3,86 -6,90 -5,96;
  hair blob -6.6,90 -7,96 -3,100 3,100 7,96 6.6,90 5,95 0,96 -5,95; white oval 2.4,91.4 1.3 .8 mirror; dark oval
    2.4,91.4 .7 mirror; pink oval 0,87 1.7 .6
clothes: @leg 5,50 sway 4; @leg -5,50 flip sway 4
clothes: skin limb 8 7 4 / 5,45 6,27 6,4 mirror; dark blob 3,4 9,4 12,0 5,0 mirror; fabric poly -8,57 8,57 14,30 -14,30
leg: fabric limb 12 8.5 5.8 / 0,0 1.6,-23 .8,-46; dark blob -2.7,-46 3.8,-46 6.8,-50 -2.7,-50
arms: skin bar 6 4 / 10,78 20,44 mirror; shirt bar 8 / 9,79 14,65 mirror; 60% shirt bar 8 5 / 10,79 19,48 mirror
arms: skin oval -19,45 3 oval 26,98 3; shirt limb 8 5 / -10,79 -16,62 -19,48 limb 8 5 / 10,79 22,78 25,95
horse: @horsehindleg -34,50 96 sway 8 tone 62; @horseforeleg 30,48 96 sway 6 tone 62; coat/ limb 4 9 3 / -44,64 -54,52
    -53,22; coat blob 39,60 34,69 22,72 2,66 -20,69 -34,71 -45,62 -45,50 -34,42 -10,38 12,39 30,43; @horseneck;
    @horsehindleg -37,50 sway 6; @horseforeleg 26,48 sway 6
horseneck: coat limb 27 20 12 / 24,60 40,74 50,93; coat/ limb 5 10 6 / 18,64 34,78 44,98; @horsehead 50,93
horseneck: coat limb 27 20 12 / 26,60 46,50 60,26; coat/ limb 5 10 6 / 20,64 40,54 54,30; @horsehead 60,26 turn -12
horsehead: coat limb 13 10 7.2 / -1,0 10,-8.5 18,-17; coat blob -5,3 -4,11 0,4 blob 0,4 2.5,11 5,2; coat/ blob -3,7
    5,4.5 7.5,-3 1,1; dark oval 6,-3.5 1.3 1.2; coat*50 oval 19,-18 3.2 2.6 -40
horsehindleg: coat limb 20 10 5 4.2 / 0,0 2,-20 -6,-31 -3,-46; dark blob -5.7,-50 -5.2,-44 -.8,-44 2.6,-50
horseforeleg: coat limb 15 6.5 4.2 / 0,0 -1,-22 0,-44; dark blob -2.7,-48 -2.4,-42 2.2,-42 5.4,-48
cow: @cowlegs 8,0 tone 60; hide/ bar 3 7 / -62,84 -66,24; pink oval -26,33 9; hide blob 50,88 -10,85 -42,90 -60,86
    -64,66 -56,44 -30,33 10,29 40,35 60,52 62,74; @cowneck; @cowlegs
cowneck: hide limb 44 34 22 / 45,68 66,72 82,82; @cowfront 84,84
cowneck: hide limb 46 36 22 / 45,68 66,58 84,32; @cowfront 86,30
cowfront: sail*80 limb 5 4 1 / -5,10 -7,19 0,25 limb 5 4 1 / 6,10 10,18 6,25; hide/ blob -8,7 -20,12 -22,4 -10,0;
  hide/ blob -10,12 8,13 12,0 15,-14 6,-21 -3,-14 -9,-2; pink oval 9,-16 7 6; dark oval 1,3 1.8 oval 13,-15 1.4
cowlegs: hide limb 20 10 7 / -50,44 -51,22 -50,5 repeat 2 96,0; dark blob -54,0 -53,7 -46,7 -44,0 repeat 2 96,0
sheep: @sheeplegs 8,0 tone 60; @sheeplegs; wool oval -2,57 60 31 0 26 5; @sheepneck
sheepneck: wool oval 50,68 20 20 0 12 4; @sheephead 66,82
sheepneck: wool oval 50,56 20 20 0 12 4; @sheephead 72,22
sheephead: face bar 21 13 / -3,3 17,-12; face*85 blob -6,5 -20,-1 -20,-8 -5,-4; wool oval -5,11 11 7 0 8 3; white oval
    5.5,.5 2.2 2; dark oval 6,.3 1.3 1.5 oval 20,-12 1.8 1.2 -40
sheeplegs: face bar 12 6 / -42,36 -42,4 repeat 2 80,0; dark blob -45,0 -45,5 -39,5 -37,0 repeat 2 80,0
dog: dog*62 limb 10 8 4 / -30,8 -48,10 -56,28 bar 12 8 / 14,40 20,3; dog blob 16,74 24,50 16,22 0,4 -30,3 -36,20 -26,42
    -6,70; dog oval -20,17 17 15 oval -8,3.5 13 4; dog bar 15 9 / 12,46 10,4 oval 14,3.5 7 4; @doghead 16,82 sway 8
dog: @dogtail -46,61 sway 30; @doghindleg -34,50 96 sway 8 tone 62; @dogforeleg 34,48 sway 8 tone 62; dog blob 42,68
    20,70 -10,66 -40,68 -50,58 -46,44 -20,40 10,34 34,36 44,50; dog limb 30 24 20 / 30,56 40,70 48,82; @doghindleg
    -40,52 sway 6; @dogforeleg 28,48 sway 6; @doghead 50,84 sway 8
dogtail: dog limb 10 7.5 3.5 / 0,0 -15,8 -20,30
doghindleg: dog limb 22 11 7 6.5 / 0,0 1,-26 -6,-36 -3,-48 oval 0,-49 7 3.2
dogforeleg: dog bar 17 7.5 / 0,0 -1,-43 oval 2,-45 7 3.2
doghead: fabric bar 5 / -14,-6 6,-17; dog oval 0,0 14 12 bar 17 10 / 4,-1 25,-7; dog*150 bar 10 8.5 / 16,-6 25,-8;
  black oval 28,-4.5 3.4 3; dark oval 7.5,2.5 1.9; dog*60 blob -6,12 2,8 0,-8 -7,-14 -13,-4
cat: cat limb 10 5 / 20,5 42,6 50,24 44,40; cat blob 0,66 15,60 20,36 29,14 24,1 0,0 -24,1 -29,14 -20,36 -15,60;
    cat*220 oval 0,42 8 17; cat bar 13 10 / -8,36 -8,5 mirror; cat*220 oval 7.5,3.5 7 4 mirror; @cathead 0,76 sway 6
cat: cat limb 10 5 / -48,8 -72,7 -83,20 -78,35; cat blob 50,34 34,41 -27,42 -52,31 -57,11 -45,1 14,0 52,2 60,16; cat*88
    oval -37,18 19 18 oval -20,4 14 4; cat*220 bar 11 9 / 41,7 76,4 bar 9 7 / 34,4 67,2; @cathead 53,45 78
cathead: cat poly 19,1 20,24 3,13 mirror; pink poly 17,6 18,18 8,12 mirror; cat oval 0,0 20.5 16.5; cat*220 oval 4,-7.5
    6 5 mirror; iris oval 8.5,2.5 4 mirror; dark oval 8.5,2.5 1.4 3.3 mirror; white bar .6 / 9,-7 25,-3 repeat 3 0,-3
    mirror; pink oval 0,-4 2.5 1.6
bird: amber*70 bar 3 / -4,26 -1,2 repeat 2 10,0 bar 2.8 / -7,1.5 6,1.5 repeat 2 10,0; feather/ poly -30,46 -78,26
    -74,16 -22,32; feather blob 10,80 34,66 34,42 16,22 -12,22 -40,36 -30,54 -4,70 oval 24,82 17 16; feather*180 oval
    22,44 9 19 -15; feather/ blob 10,62 10,42 -20,32 -56,26 -30,52; @birdface 24,82
flyingbird: @wing 18,48 92 tone 70; @flyingbody; @wing 8,48
flyingbird: @wing 18,52 78 turn -100 flip tone 70; @flyingbody; @wing 8,52 84 turn -100 flip
flyingbody: feather/ poly -40,52 -86,62 -90,46 -40,44; feather blob 66,57 36,65 -46,50 -10,36 56,48; @birdface 54,58 60
birdface: amber poly 14,5 36,-3 14,-7; white oval 5,3 3.4; dark oval 5.5,3 2.4
wing: feather/ blob 22,0 16,33 -10,64 -30,63 -30,40 -24,20 -16,-3; feather/*85 bar 7 2 / -10,24 -44,35 repeat 5 1.5,7
wheel: dark oval 0,0 100; metal oval 0,0 64; dark*130 oval 0,0 50; metal bar 14 / 0,0 56,0 spin 5; metal oval 0,0 15
car: dark box -130,6 130,20 4; @carbody; shine poly 2,90 12,90 30,64 16,64; lacquer*50 bar 1.3 / -90,60 -86,20 repeat 3
    68,0 bar 1.1 / -140,46 136,42; metal box -44,51 -30,54 repeat 2 64,0; lacquer*80 oval 62,64 9 5; lamp oval 135,44 8
    5 -20; red oval -142,48 6; dark oval -94,20 28 27 oval 93,20 28 27; @wheel -94,22 22; @wheel 93,22 22
carbody: lacquer blob -120,62 -90,68 -62,96 -10,100 25,95 66,66 110,60 142,50 148,34 146,16 120,12 -130,12 -148,20
    -148,42 -142,58; pane blob -78,64 -64,86 -50,92 2,92 24,88 54,65 40,61 -66,61; lacquer*85 bar 6 / -28,94 -27,60
carbody: lacquer blob -140,62 -136,94 -90,100 10,100 40,95 68,66 110,60 142,50 148,34 146,16 120,12 -130,12 -148,20
    -148,42; pane blob -116,64 -102,86 -50,92 2,92 54,65 40,61 -100,61; lacquer*85 bar 6 / -28,94 -27,60 repeat 2 -60,0
bus: dark box -200,4 50,20; @busside on -210,70 10,100 10,6 -210,14; @busdoors on -210,70 10,100 10,6 -210,14;
    @busfront on 10,100 62,95 62,9 10,6; @wheel -164,13 12; @wheel -32,10 12; dark box 63,68 68,86 2 box 2,70 7,88 2
bus: @busside on -135,47 10,53 10,6 -135,14; @busdoors on -135,47 10,53 10,6 -135,14; @busside on -135,80 10,100 10,52
    -135,46; panel*86 poly 10,100 62,95 62,50 10,52; pane poly 14,95 58,91 58,56 14,58; @busfront on 10,53 62,51 62,9
    10,6; @wheel -105,12 10; @wheel -32,10 10
busside: panel box 0,0 100,100; panel/ box 0,20 100,34; dark box 0,44 100,86; pane? box 1,46 11,84 repeat 8 12.4,0
busdoors: dark box 40,7 50,80 repeat 2 46,0; pane box 41,12 44.5,77 repeat 2 4.5,0 repeat 2 46,0
busfront: panel*86 box 0,0 100,100 5; dark box 12,86 88,97 box 0,0 100,6; amber box 20,89 27,95 repeat 5 11,0; pane*115
    box 7,42 93,84 4; dark box 49,42 51,84; lamp oval 16,16 9 5 oval 84,16 9 5; shine poly 60,44 78,44 62,82 44,82
train: dark poly -320,70 -30,99 42,14 36,0 -420,27; @coach on -320,71 -264,77 -264,20 -320,22; @coach on -262,77
    -202,83 -202,18 -262,20; @coach on -200,83 -128,90 -128,16 -200,18; @coach on -125,90 -30,100 -30,13 -125,16;
  panel blob -28,100 -2,98 24,84 46,50 50,26 42,10 -28,10 -30,50 box -32,10 -10,100; panel/ poly -32,42 48,38 50,27
    -32,29; dark blob -2,88 17,81 34,56 16,57 0,62 box -25,52 -10,82; pane blob 1,84 16,78 30,59 16,60 3,65 box -23,55
    -12,80; lamp oval 42,33 5; dark poly -30,14 46,14 36,2 -30,4; dark bar 2 / -75,95 -60,113 -82,120 -45,120
coach: panel box 0,0 100,100; panel/ box 0,20 100,34; dark box 0,48 100,82; pane? box 2,50 18,80 repeat 5 20,0
bicycle: @hoop -52,34 34; @hoop 54,34 34; @handlebar; lacquer bar 4 / -6,30 -20,76 bar 5 / -6,30 40,66 bar 3 / -6,30
    -52,34 -18,68 bar 5 / 36,80 43,62 limb 4 / 43,62 48,45 54,34; metal bar 3 / -20,76 -24,88 bar 3 / 36,80 33,92;
  black blob -37,93 -22,92 -9,90 -26,86 -36,88; black oval -6,30 10 less oval -6,30 6.5; black bar 3 / -15,19 9,41
handlebar: lacquer bar 4.5 / -20,76 36,80; black limb 3.6 / 33,92 47,93 53,86 46,80
handlebar: lacquer bar 4.5 / -16,50 40,66; lacquer limb 3 / -88,38 -74,63 -50,70 -22,54; black bar 4 / 34,92 18,97
hoop: blur oval 0,0 95; white bar 2.4 / 0,0 95,0 spin 12; dark oval 0,0 100 less oval 0,0 87; metal oval 0,0 11
motorbike: @wheel -66,30 30 sway 36; @wheel 72,30 30 sway 36; black bar 9 12 / -66,30 -10,38; metal bar 7 / 72,30
    48,84; metal*70 blob -24,56 30,60 36,30 20,16 -20,16 -30,34; dark bar 2 / -2,54 28,56 repeat 5 0,-5; metal oval
    -6,27 10; metal limb 6 6 7.5 10 / 24,32 16,12 -30,13 -98,26; black bar 9 / 40,66 -30,56; lacquer blob 46,78 26,87
    2,82 -16,68 10,58 40,64; lacquer blob -50,72 -86,84 -102,82 -84,68 -46,58 -24,60; black limb 7 8 9 6 / -14,68
    -34,67 -60,74 -81,82; 50% pane*150 blob 38,100 46,100 60,86 44,86; black limb 5 / 46,86 36,97 24,95; lamp oval
    63,76 7.5 8.5; lacquer limb 7 / 46,49 65,62 89,58 96,50; red oval -100,79 4
boat: lacquer blob -40,17 10,16 50,19 44,10 36,0 -30,-1 -40,6; white poly -39,10 47,11 46,9 -38,7; white oval 0,19 17
    4; wood box -1.2,16 1.6,100 bar 2 / 0,24 -38,25; sail blob -2,97 -2.5,60 -2.5,27 -20,26 -38,28 -28,52 -13,80;
  sail*88 blob 3,90 16,66 30,42 46,22 24,24 6,27 3.5,60; sail*70 bar .6 / -3,50 -26,48; red poly 0,100 -10,97 0,95
boat: wood box -30,21 -27,70 box 36,21 38,58; dark bar .7 / -65,24 -29,68 62,24 bar .7 / 37,57 70,32; white box -26,20
    17,48; lacquer*80 box -30,47 23,51; pane*70 box -22,33 -13,43 repeat 3 12.5,0; lacquer blob -65,25 -22,22 29,23
    74,33 65,14 53,0 -50,-1 -63,9; white poly -64,20 70,26 69,23 -63,17; dark oval -36,13 4.5 5 repeat 3 36,0
aeroplane: metal*70 box 128,1 132,38 box -14,1 -10,36 box 4.5,1 7.5,36; dark oval 126,4.5 4.5 repeat 2 7,0 oval -16,4.5
    4.5 repeat 2 7,0 oval 2,4.5 4.5 repeat 2 7,0; metal*70 poly 30,52 -10,50 -62,86 -50,88; shell/ blob -150,56 -182,98
    -158,100 -112,60; shell blob 172,44 162,54 138,62 60,63 -80,62 -150,57 -176,52 -130,42 -70,35 60,34 140,35 166,39;
  shell/ poly -166,48 164,47 166,43 -140,44; dark box -100,50 -95.5,55.5 repeat 24 9.6,0; pane*60 blob 160,54 142,60
    136,56 150,51; shell/*85 poly -116,52 -146,52 -190,64 -172,66; metal blob 34,36 30,24 2,22 -10,30 0,38; metal poly
    46,42 -22,40 -100,2 -84,0 -10,24; shell/ poly -84,0 -100,2 -106,14 -98,14
aeroplane: shell/*75 poly 5,72 40,80 66,98 40,100; shell/ blob -118,55 -126,95 -106,97 -82,58; shell blob 90,50 70,64
    42,70 20,84 -20,84 -50,66 -120,58 -120,50 -40,36 40,30 80,36; pane blob 38,68 18,80 -16,80 -30,64; shell/ poly
    86,46 -118,55 -118,50 80,38; shell/ poly -128,64 -90,60 -96,50 -150,46; shell/*90 poly 42,92 -6,92 -66,52 -50,46
    -14,50; dark bar 4 / 20,34 30,10 bar 4 / 62,36 67,10 oval 30,9 9 oval 68,9 9 oval 93,48 6; blur oval 96,48 4 40
bottle: bottle poly 0,98 4.5,98 4.5,70 13,56 14,45 14,3 12,0 0,0 mirror; @label 0,16; fabric box -5,86 5,100
bottle: bottle*130 poly 0,95 6,95 7,84 14,68 13,40 14,25 14,3 11,0 0,0 mirror; @label 0,28; fabric box -7,92 7,100
label: paper box -15,0 15,26; paper/ box -9,17 9,21 box -7,11 7,13 box -5,6 5,8; shine bar 2 / -10,24 -10,-8
chair: wood*65 bar 5 / -12,50 -12,6 repeat 2 37,0; wood bar 5.5 5 / -15,48 -17,99 bar 5.5 5 / 22,48 23,99; @chairback;
  wood|fabric*108 poly -15,52 25,52 32,40 -30,40; wood*75 box -30,36 32,40; wood bar 5 / -28,37 -29,2 repeat 2 59,0
chair: black bar 5 / 0,16 -27,7 mirror bar 5 / 0,16 -14,3 mirror oval 27,5 3 mirror oval 14,3 3 mirror box -3,12 3,42;
  fabric box -21,56 21,98 8; fabric*108 box -28,36 28,48 6; black limb 4 / -27,42 -33,52 -30,60 -20,60 mirror
chairback: wood*92 blob -17,98 3,99.5 23,98 23,92 3,93.2 -17,92 repeat 4 0,-10
chairback: wood box -18,90 24,98 2 box -15,57 22,62; wood*88 box -9,58 -5.5,92 repeat 3 10,0
chairback: fabric box -17,62 23,98 5
diningtable: @tabletop; 85% @plate -55,73; 85% @plate 50,73; 85% @plate -40,90 90; 85% @plate 42,90 90; fruit? oval
    -8,92 7 6 oval 7,92 7 6 oval 0,96 7 6; white*90 blob -16,90 0,88 16,90 10,81 -10,81
tabletop: wood*55 bar 10 8 / -66,60 -66,20 mirror; wood*90 bar 10 8 / -96,60 -96,0 mirror; wood*60 box -105,52 105,63;
  wood*110 poly -74,100 74,100 106,62 -106,62; 55% @cloth
tabletop: wood bar 16 20 / 0,70 0,10 oval 0,6 42 7; wood*60 oval 0,76 100 20; wood*110 oval 0,80 100 20
cloth: linen*78 box -106,40 106,63 oval -95.4,40 10.6 6 repeat 10 21.2,0; linen poly -74,100 74,100 106,62 -106,62
plate: white*75 oval 0,-.8 19 5.2; white oval 0,0 18 5; fruit? oval 0,.5 8 2; metal bar 1.4 / 23,-3 21,4
sofa: @sofaframe; fabric box -83,50 -1,96 10 mirror; fabric*108 box -83,30 -1,56 9 mirror; fabric*95 box 82,6 108,70 11
    mirror; 70% @pillow -52,68 sway 18; 70% @pillow 50,68 sway 18
sofa: @sofaframe 41,0; @sofaframe -41,0; fabric box -125,50 -43,96 10 repeat 3 84,0; fabric*108 box -125,30 -43,56 9
    repeat 3 84,0; fabric*95 box 124,6 150,70 11 mirror; 70% @pillow -78,68 sway 18; 70% @pillow 76,68 sway 18
sofaframe: wood*50 box -99,0 -89,12 mirror; fabric*85 box -88,20 88,100 14; fabric*70 box -94,8 94,34 3
pillow: pillow? blob -20,20 0,17 20,20 17,0 20,-20 0,-17 -20,-20 -17,0
tvmonitor: black box -7,3 7,20 oval 0,2.5 34 3 box -88,14 88,100 2; @show on -84,96 84,96 84,20 -84,20; shine poly 8,96
    50,96 -8,20 -50,20
tvmonitor: wood box -66,4 66,100 7; wood*55 box 36,0 50,6 mirror box 46,22 60,24 repeat 4 0,6; black box -58,14 40,92
    10 oval 53,78 6 oval 53,60 6; @show on -54,88 36,88 36,18 -54,18; shine poly 0,88 20,88 -20,18 -40,18
show: pane*160 box 0,0 100,100; leaf poly 0,38 15,45 30,47 50,40 65,39 85,48 100,50 100,0 0,0; lamp oval 75,78 7 11
show: pane*50 box 0,0 100,100; white box 12,20 72,86; pane box 12,78 72,86 box 17,37 60,40 repeat 4 0,9
show: leaf box 0,0 100,100; white box 49,0 51,100 box 0,92 100,94 oval 50,50 16 25 less oval 50,50 14 22
show: dark box 0,0 100,100
pottedplant: @leaves 0,36; dark oval 0,36 20 3; clay poly -20,34 20,34 14,0 -14,0; clay*112 box -23,28 23,37
leaves: leaf? limb 4 15 2 / 0,0 -2,31 0,58 fan 17 75
leaves: leaf? limb 3 9 1 / 0,0 0,35 0,64 fan 15 35
leaves: leaf? limb 3 7 1 / 0,0 3,38 12,66 fan 20 75
leaves: @smallleaf 0,30 sway 180 scatter 80 34,28; @blossom 0,30 scatter 12 30,25
smallleaf: leaf oval 0,0 7.5 4
blossom: fruit oval 2.8,0 2.7 spin 5; amber oval 0,0 1.6
"""
